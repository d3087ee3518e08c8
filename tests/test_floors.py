"""The house: a module imports only from a strictly lower floor."""

import ast
from pathlib import Path

ROOT = Path(__file__).parents[1]
FLOORS = [
    {"data", "errors", "numerics", "settings"},
    {"checkpoints"},
    {"architectures"},
    {"fingerprints"},
    {"characteristic", "lineage"},
    {"database", "figures", "lora_init"},
    {"workflows"},
    {"report"},
    {"commands", "pages"},
    {"api", "cli"},
]
FLOOR = {room: floor for floor, rooms in enumerate(FLOORS) for room in rooms}
DATABASE_PACKAGES = {"sqlalchemy", "psycopg", "pgvector", "alembic", "click"}


def rooms() -> dict[Path, str]:
    files = [*ROOT.glob("registry/**/*.py"), ROOT / "cli.py"]
    own = {file: file.relative_to(ROOT).parts for file in files}
    return {
        file: (parts[1] if len(parts) > 2 else parts[-1].removesuffix(".py"))
        for file, parts in own.items()
        if parts != ("registry", "__init__.py")
    }


def imports(file: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {f"{node.module}.{name.name}" for name in node.names}
    return found


def test_every_room_stands_on_a_floor():
    """A new module is placed in FLOORS."""
    assert set(FLOOR) == set(rooms().values())


def test_imports_go_down():
    """No module imports from its own floor or one above; parts of one package may import each other."""
    wrong = [
        f"{file.relative_to(ROOT)} imports {name}"
        for file, room in rooms().items()
        for name in imports(file)
        if (parts := name.split("."))[0] == "registry" and len(parts) > 1
        if (other := parts[1]) in FLOOR and other != room and FLOOR[other] >= FLOOR[room]
    ]
    assert wrong == []


def test_fingerprints_need_no_database():
    """Up to the fingerprint nothing imports database or command-line packages, so that it runs on a bare machine."""
    wrong = [
        f"{file.relative_to(ROOT)} imports {name}"
        for file, room in rooms().items()
        if FLOOR[room] <= FLOOR["fingerprints"]
        for name in imports(file)
        if name.split(".")[0] in DATABASE_PACKAGES
    ]
    assert wrong == []
