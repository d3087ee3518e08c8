"""Whatever is printed goes through one module, where it is made legible."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOOR = ROOT / "registry" / "commands" / "printing.py"
TEXTS = ROOT / "registry" / "report" / "tables.py"
PRINTING = {
    "print",
    "input",
    "echo",
    "secho",
    "echo_via_pager",
    "confirm",
    "prompt",
    "pprint",
    "Console",
    "print_exc",
    "print_exception",
    "sys.stdout.write",
    "sys.stderr.write",
    "StreamHandler",
    "basicConfig",
}
MODULES = [*sorted(ROOT.glob("registry/**/*.py")), ROOT / "cli.py"]


def called(file: Path) -> set[str]:
    """Return what a module calls: as it is written, and its last part."""
    names = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Call):
            name = ast.unparse(node.func)
            names |= {name, name.rpartition(".")[2]}
    return names


@pytest.mark.parametrize("file", MODULES, ids=lambda file: file.relative_to(ROOT).as_posix())
def test_nothing_else_prints(file):
    """No module but printing.py writes to stdout or stderr, and none but tables.py makes rich text."""
    assert file == DOOR or not called(file) & PRINTING
    assert file == TEXTS or "Text" not in called(file)


def test_the_door_is_used():
    """The names that are looked for are those that printing.py calls."""
    assert {"Console", "sys.stderr.write"} <= called(DOOR) & PRINTING
    assert "Text" in called(TEXTS)
