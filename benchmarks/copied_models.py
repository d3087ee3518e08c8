"""Synthetic models into the tables by binary COPY, whole blocks of numpy arrays at a time."""

import struct
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import psycopg
from made_families import KINDS, Block

from registry.fingerprints.record import VERSION

HEAD, TAIL = b"PGCOPY\n\xff\r\n\0" + b"\0" * 8, b"\xff\xff"
FLOAT8, TEXT_TYPE = 701, 25  # numbers of Postgres' types
PROJECTIONS = ("query", "key", "value", "output", "gate", "up", "down")


@dataclass(frozen=True)
class Column:
    """One column: the bytes before each value's numbers, and these, a row for each model."""

    name: str
    head: bytes
    numbers: np.ndarray | None = None

    @property
    def size(self) -> int:
        """Bytes of a value."""
        numbers = self.numbers
        return len(self.head) + (0 if numbers is None else numbers.dtype.itemsize * width(numbers))


def width(numbers: np.ndarray) -> int:
    """Numbers in a row."""
    return int(np.prod(numbers.shape[1:], dtype=int))


def copy(connection: psycopg.Connection, table: str, columns: Sequence[Column], count: int) -> None:
    """Copy rows into a table."""
    form: list[tuple] = [("columns", ">i2")]
    for place, column in enumerate(columns):
        form.append((f"size{place}", ">i4"))
        if column.head:
            form.append((f"head{place}", f"V{len(column.head)}"))
        if column.numbers is not None:
            form.append((f"numbers{place}", column.numbers.dtype, column.numbers.shape[1:]))
    rows = np.zeros(count, np.dtype(form))
    rows["columns"] = len(columns)
    for place, column in enumerate(columns):
        rows[f"size{place}"] = column.size
        if column.head:
            rows[f"head{place}"] = np.frombuffer(column.head, f"V{len(column.head)}")[0]
        if column.numbers is not None:
            rows[f"numbers{place}"] = column.numbers

    names = ", ".join(column.name for column in columns)
    statement = f"COPY registry_tables.{table} ({names}) FROM STDIN (FORMAT BINARY)"
    with connection.cursor().copy(statement) as stream:
        for part in (HEAD, rows.tobytes(), TAIL):
            stream.write(part)


def integers(name: str, values: np.ndarray, size: int = 4) -> Column:
    """A column of integers."""
    return Column(name, b"", np.asarray(values).astype(f">i{size}"))


def constant(name: str, value: bytes) -> Column:
    """A column of equal values."""
    return Column(name, value)


def doubles(name: str, values: np.ndarray) -> Column:
    """A column of arrays of double precision."""
    entries = np.zeros(values.shape, np.dtype([("size", ">i4"), ("value", ">f8")]))
    entries["size"] = 8
    entries["value"] = values
    return Column(name, struct.pack(">iiIii", 1, 0, FLOAT8, values.shape[1], 1), entries)


def halves(name: str, values: np.ndarray) -> Column:
    """A column of halfvecs."""
    return Column(name, struct.pack(">hh", values.shape[1], 0), values.astype(">f2"))


def texts(name: str, form: str, values: np.ndarray) -> Column:
    """A column of texts of one length."""
    written = [form % value for value in values.tolist()]
    return Column(name, b"", np.array(written, "S"))


def array_of_texts(values: Sequence[str]) -> bytes:
    """An array of texts in binary."""
    entries = b"".join(struct.pack(">i", len(value)) + value.encode() for value in values)
    return struct.pack(">iiIii", 1, 0, TEXT_TYPE, len(values), 1) + entries


def copy_block(connection: psycopg.Connection, block: Block, first_id: int) -> None:
    """Store what a search reads of models; the families of the block, then the models."""
    count = len(block)
    ids = first_id + block.first + np.arange(count)
    families = np.unique(block.family) + first_id
    columns = [integers("id", families), texts("name", "family-%07d", families)]
    copy(connection, "families", columns, len(families))

    number = struct.pack(">i", 32)
    columns = [
        integers("id", ids),
        texts("name", "model-%08d", ids),
        constant("kind", b"model"),
        integers("family_id", block.family + first_id),
        texts("source", "made/model-%08d", ids),
        constant("architecture", b"LlamaForCausalLM"),
        constant("dtype", b"bfloat16"),
        constant("parameters", struct.pack(">q", 7_000_000_000)),
        constant("layers", number),
        constant("hidden_size", struct.pack(">i", 4096)),
        texts("digest", "%064x", ids),
        constant("fingerprint_version", struct.pack(">i", VERSION)),
        constant("tool_version", b"1"),
    ]
    copy(connection, "models", columns, count)
    columns = [
        integers("model_id", ids),
        constant("projections", array_of_texts(PROJECTIONS)),
        doubles("std", block.std),
        constant("rank", struct.pack(">i", 16)),
        constant("nonfinite", struct.pack(">q", 0)),
        constant("unknown", struct.pack(">iiI", 0, 0, TEXT_TYPE)),
        constant("zero", struct.pack(">iiI", 0, 0, TEXT_TYPE)),
    ]
    copy(connection, "fingerprints", columns, count)
    labels = struct.pack(">iiIii", 1, 0, 21, 1, 1) + struct.pack(">ih", 2, 0)
    columns = [
        integers("model_id", ids),
        constant("rank", struct.pack(">i", 16)),
        doubles("shares", block.shares),
        constant("labels", labels),
        constant("labels3", labels),
        constant("inertia", struct.pack(">d", 1.0)),
        constant("margin", struct.pack(">d", 0.1)),
    ]
    copy(connection, "clusterings", columns, count)
    columns = [integers("model_id", ids)]
    columns += [halves(kind, block.outlines[kind]) for kind in (*KINDS, "own")]
    copy(connection, "outlines", columns, count)
