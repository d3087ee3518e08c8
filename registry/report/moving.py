"""What was carried into a file or another database, as lines and as JSON."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from registry.database.keeping.dumps import Manifest
    from registry.workflows.moving import Moved


def tables_json(manifest: "Manifest") -> dict[str, Any]:
    """Return the counts and digests of all tables."""
    return {
        "schema": manifest.revision,
        "models": manifest.models,
        "rows": manifest.rows,
        "tables": {t.name: {"rows": t.rows, "digest": t.digest} for t in manifest.tables},
    }


def dumped_json(manifest: "Manifest", file: str) -> dict[str, Any]:
    """Return what was written, as `registry db dump --json` gives it."""
    return {"file": file, **tables_json(manifest)}


def moved_json(moved: "Moved") -> dict[str, Any]:
    """Return what was restored or moved; `url` is null for the embedded database."""
    return {"url": moved.url, **tables_json(moved.manifest)}


def counts(manifest: "Manifest") -> str:
    """Return how much there is, in words."""
    tables = len(manifest.tables)
    return f"{manifest.models:,} models, {manifest.rows:,} rows in {tables} tables"


def dumped_line(manifest: "Manifest", file: str) -> str:
    """Return what was written, as a sentence."""
    return f"wrote {counts(manifest)} to {file}"


def restored_line(moved: "Moved") -> str:
    """Return what was restored, as a sentence."""
    place = moved.url or "the embedded database"
    return f"restored {counts(moved.manifest)} to {place}, every table compared"


def moved_lines(moved: "Moved") -> list[str]:
    """Return what was moved, and what to do next."""
    done = f"moved {counts(moved.manifest)} to {moved.url or 'the embedded database'}"
    remains = "the registry here stays as it is"
    following = "unset REGISTRY_DATABASE_URL to use the embedded database"
    if moved.url:
        following = f"set REGISTRY_DATABASE_URL to {moved.url}, with the password, to use it"
    return [f"{done}, every table compared", f"{remains}; {following}"]
