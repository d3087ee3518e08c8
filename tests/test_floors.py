"""The house: rooms on floors, what each may import, and how large a module may be."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FLOORS = [
    {"legible"},
    {"data", "errors", "notices", "numerics"},
    {"settings"},
    {"checkpoints", "files"},
    {"architectures"},
    {"fingerprints"},
    {"characteristic", "lineage"},
    {"database", "figures", "lora_init"},
    {"catalogues"},
    {"workflows"},
    {"bulk"},
    {"api", "report", "statements"},
    {"web"},
    {"commands"},
    {"cli"},
    {"launch"},
]
FLOOR = {room: floor for floor, rooms in enumerate(FLOORS) for room in rooms}
OUTER_PACKAGES = {"alembic", "click", "pgvector", "psycopg", "pyarrow", "rich", "sqlalchemy"}
MOST_LINES = 300
LONGER = {"errors.py"}


def rooms() -> dict[Path, str]:
    """Return every module of the package with the room that it stands in; a loose module is a room of its own."""
    places = {}
    for file in [*ROOT.glob("registry/**/*.py"), ROOT / "cli.py"]:
        parts = file.relative_to(ROOT).parts
        if parts != ("registry", "__init__.py"):
            places[file] = parts[1] if len(parts) > 2 else parts[-1].removesuffix(".py")
    return places


def imports(file: Path) -> set[str]:
    """Return the dotted names that a module imports, wherever in it the import stands."""
    names = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            names |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {f"{node.module}.{name.name}" for name in node.names}
    return names


def packages(file: Path) -> set[str]:
    """Return the packages that a module imports."""
    return {name.split(".")[0] for name in imports(file)}


def test_every_room_stands_on_a_floor():
    """A new room is placed in FLOORS, and a room that has gone is taken out."""
    assert set(FLOOR) == set(rooms().values())


def test_imports_go_down():
    """No module imports from its own floor or one above; parts of one room may import each other."""
    wrong = []
    for file, room in rooms().items():
        for name in imports(file):
            package, _, rest = name.partition(".")
            other = rest.split(".")[0]
            if package != "registry" or other == room or other not in FLOOR:
                continue
            if FLOOR[other] >= FLOOR[room]:
                wrong.append(f"{file.relative_to(ROOT)} imports {name}")
    assert wrong == []


def test_verdicts_need_no_database_and_no_command_line():
    """Up to lineage nothing imports packages of the database or the command line: it runs on a bare machine."""
    wrong = [
        f"{file.relative_to(ROOT)} imports {sorted(packages(file) & OUTER_PACKAGES)}"
        for file, room in rooms().items()
        if FLOOR[room] <= FLOOR["lineage"] and packages(file) & OUTER_PACKAGES
    ]
    assert wrong == []


def test_a_verdict_needs_no_torch():
    """`import registry.lineage.verdict` loads no torch: records that were stored are compared in numpy."""
    code = "import sys, registry.lineage.verdict; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)


def test_migrations_import_nothing_of_the_package():
    """Migrations are frozen literals: code that moves on does not change what they did."""
    files = sorted(ROOT.glob("migrations/versions/*.py"))
    assert len(files) > 7
    assert [file.name for file in files if packages(file) & {"registry", "cli"}] == []


def test_the_readme_has_the_rooms():
    """The README's table "Finding your way" names every folder of the package, and none that is not there."""
    table = (ROOT / "README.md").read_text().split("## Finding your way")[1]
    named = set(re.findall(r"`registry/(\w+)/`", table))
    folders = {path.parent.name for path in ROOT.glob("registry/*/__init__.py")}
    assert named == folders


@pytest.mark.parametrize("file", rooms(), ids=lambda file: file.relative_to(ROOT).as_posix())
def test_modules_are_small(file):
    """A module has at most 300 lines; ruff sees to it that these have at most 100 characters."""
    name = file.relative_to(ROOT).as_posix().removeprefix("registry/")
    assert len(file.read_text().splitlines()) <= MOST_LINES or name in LONGER
