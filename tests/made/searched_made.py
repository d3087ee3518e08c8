"""Models of which the tables hold only what a search reads, from arrays of numbers."""

from collections.abc import Sequence

import numpy as np
import psycopg

from registry.fingerprints.record import VERSION

PROJECTIONS = ("query", "key", "value", "output", "gate", "up", "down")
FIRST = 1_000_000  # number of the first model that is made


def store(
    url: str,
    std: np.ndarray,
    outlines: dict[str, np.ndarray] | None = None,
    *,
    kind: str = "model",
    version: int = VERSION,
    projections: Sequence[str] = PROJECTIONS,
    first: int = FIRST,
) -> None:
    """Register models m<first>, ... of one family, with std vectors n x 7 and outlines."""
    with psycopg.connect(url) as connection, connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO registry_tables.families (name) VALUES (%s) ON CONFLICT DO NOTHING",
            (f"f{first}",),
        )
        cursor.execute("SELECT id FROM registry_tables.families WHERE name = %s", (f"f{first}",))
        [family] = cursor.fetchone()
        numbers = range(first, first + len(std))
        columns = (
            "models (id, name, kind, family_id, source, architecture, dtype, parameters, layers, hidden_size,"
            " digest, fingerprint_version, tool_version)"
        )
        copy(
            cursor, columns,
            [(n, f"m{n}", kind, family, "s", "a", "float32", 1, 1, 1, f"{n:064x}", version, "1") for n in numbers],
        )  # fmt: skip
        columns = "fingerprints (model_id, projections, std, rank, nonfinite, unknown)"
        rows = zip(numbers, std.tolist(), strict=True)
        copy(cursor, columns, [(n, list(projections), row, 16, 0, []) for n, row in rows])
        columns = "clusterings (model_id, rank, shares, labels, labels3, inertia, margin)"
        copy(cursor, columns, [(n, 16, [0.3] * 7, [0], [0], 1.0, 1.0) for n in numbers])
        if outlines:
            names = list(outlines)
            columns = f"outlines (model_id, {', '.join(names)})"
            written = zip(numbers, *(map(halfvec, outlines[name]) for name in names), strict=True)
            copy(cursor, columns, written)


def copy(cursor: psycopg.Cursor, columns: str, rows) -> None:
    """Copy rows into a table."""
    with cursor.copy(f"COPY registry_tables.{columns} FROM STDIN") as stream:
        for row in rows:
            stream.write_row(row)


def halfvec(numbers: np.ndarray | None) -> str | None:
    """Write a halfvec as pgvector reads it."""
    return None if numbers is None else f"[{','.join(f'{number:.6g}' for number in numbers)}]"


def cosine_distances(vector: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Return 1 - cos the long way, 1 where one of the two is zero."""
    distances = []
    for other in others:
        lengths = np.linalg.norm(vector), np.linalg.norm(other)
        if not all(lengths):
            distances.append(1.0)
            continue
        distances.append(((vector / lengths[0] - other / lengths[1]) ** 2).sum() / 2)
    return np.array(distances)


def directions(shape: tuple[int, int], draw: np.random.Generator) -> np.ndarray:
    """Return rows of length 1 in random directions."""
    rows = draw.standard_normal(shape)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)
