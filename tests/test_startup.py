"""What a command imports before it needs it: nothing that takes long."""

import subprocess
import sys

import pytest
from places import EXAMPLES, ROOT

from registry import Registry

SLOW = ("torch", "sklearn", "numba", "pyarrow", "huggingface_hub", "matplotlib", "alembic")
SCIPY = ("scipy", "scipy.stats", "scipy.optimize")
DATABASE = ("sqlalchemy", "psycopg")
NUMBERS = ("numpy", *SCIPY)
TALK = ("rich", "registry.workflows", "registry.checkpoints.source")
CHILD, BASE = str(EXAMPLES / "llama-tiny-code"), str(EXAMPLES / "llama-tiny")


def modules_after(*arguments: str) -> set[str]:
    """Return the modules that are loaded when a command has ended, in a process of its own."""
    script = (
        "import sys, atexit\n"
        "atexit.register(lambda: print('\\n', *sys.modules, file=sys.stderr))\n"
        "sys.argv[0] = 'registry'\n"
        "from registry.launch import run\n"
        "run()"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Traceback" not in done.stderr
    return set(done.stderr.splitlines()[-1].split())


def loaded(names: tuple[str, ...], *arguments: str) -> list[str]:
    """Return which of some modules a command has loaded."""
    modules = modules_after(*arguments)
    return [name for name in names if name in modules]


@pytest.mark.parametrize("option", ["--help", "--version"])
def test_help_needs_nothing(option: str) -> None:
    """Help and version wait for neither numbers nor a database nor tables."""
    assert not loaded((*SLOW, *NUMBERS, *DATABASE, *TALK), option)


@pytest.mark.parametrize("words", ["registry ", "registry verify --cl", "registry identify ./"])
def test_a_completion_needs_nothing(words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A press of the tabulator waits for neither numbers nor a database."""
    monkeypatch.setenv("_REGISTRY_COMPLETE", "bash_complete")
    monkeypatch.setenv("COMP_WORDS", words)
    monkeypatch.setenv("COMP_CWORD", str(len(words.split(" ")) - 1))
    assert not loaded((*SLOW, *NUMBERS, *DATABASE, *TALK))


@pytest.mark.parametrize(
    "arguments",
    [
        ["identify", "./nothing"],
        ["compare", "./nothing", BASE],
        ["compare", BASE, "/nothing"],
        ["verify", "./nothing", "--claimed-base", "llama"],
        ["ingest", "./nothing"],
        ["fingerprint", "a/b/c"],
        ["inspect", "no such model"],
    ],
    ids=lambda arguments: " ".join(arguments[:1]),
)
def test_a_mistyped_path_is_told_at_once(arguments: list[str]) -> None:
    """A path to nothing is refused before anything is imported that reads or stores."""
    assert not loaded((*SLOW, *NUMBERS, *DATABASE, *TALK), *arguments)


@pytest.mark.parametrize("command", ["list", "tree", "families", "log", "claims", "sources"])
def test_a_listing_needs_the_database_alone(command: str, url: str) -> None:
    """What reads rows and draws a table wants no numerics."""
    assert not loaded((*SLOW, *NUMBERS), command)


def test_showing_a_model_needs_the_database_alone(url: str) -> None:
    """A stored fingerprint is shown as it is: nothing is computed of it."""
    with Registry(url) as known:
        known.ingest(BASE)
    assert not loaded((*SLOW, *NUMBERS), "show", "llama-tiny")


def test_two_paths_are_compared_without_a_database() -> None:
    """Nothing that is registered is meant, so none is opened; SciPy is not needed."""
    wanted = (*DATABASE, "sklearn", "pyarrow", "huggingface_hub", "matplotlib", "scipy")
    assert not loaded(wanted, "compare", CHILD, BASE)


def test_no_bar_is_made_ready_for_a_pipe() -> None:
    """A progress bar is for terminals: without one its library is not imported."""
    assert not loaded(("rich.progress",), "fingerprint", BASE, "--rank", "16")


def test_identifying_needs_no_pictures(url: str) -> None:
    """Without --report no page is made, and no matplotlib imported."""
    unwanted = ("sklearn", "pyarrow", "huggingface_hub", "matplotlib", "scipy")
    assert not loaded(unwanted, "identify", CHILD)


def test_safetensors_are_compared_without_torch() -> None:
    """On a CPU numpy and numba read, measure and compare safetensors."""
    assert not loaded(("torch",), "compare", CHILD, BASE, "--device", "cpu")


def test_safetensors_are_identified_without_torch(url: str) -> None:
    """So they do beside what is stored."""
    with Registry(url) as known:
        known.ingest(BASE)
    assert not loaded(("torch",), "identify", CHILD, "--device", "cpu")
