"""registry.checkpoints.limits."""

from pathlib import Path

import pytest

from registry.checkpoints.limits import SMALL, limit
from registry.data import load

ROOT = Path(__file__).parents[2]
ROWS = load("registry.checkpoints", "limits.toml")
CODE = "".join(path.read_text() for path in sorted(ROOT.glob("registry/**/*.py")))


@pytest.mark.parametrize("name", sorted(ROWS))
def test_every_limit_is_kept_and_tested(name):
    """Each row is read by the code under its name, and the test that it names is there."""
    row = ROWS[name]
    assert {"what", "limit", "test"} <= row.keys() <= {"what", "limit", "test", "for_each_byte"}
    assert f'limit("{name}"' in CODE
    file, _, test = row["test"].partition("::")
    assert f"def {test}(" in (ROOT / "tests" / file).read_text()


def test_limits_that_grow_with_the_file():
    """A limit with so much for each byte counts those beyond the first MiB of the file."""
    assert limit("expanded-bytes", SMALL) == limit("expanded-bytes")
    assert limit("expanded-bytes", SMALL + 10) == limit("expanded-bytes") + 1000
    assert limit("pickle-depth", SMALL + 10) == limit("pickle-depth")
