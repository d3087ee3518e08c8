"""Types of the tables' columns, and the base of the tables."""

import struct
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any

from pgvector.sqlalchemy import HALFVEC
from sqlalchemy import (
    ARRAY,
    REAL,
    DateTime,
    Dialect,
    Double,
    ForeignKey,
    MetaData,
    SmallInteger,
    Text,
    TypeDecorator,
)
from sqlalchemy.orm import DeclarativeBase, mapped_column

TABLES = "registry_tables"
"""The schema of the tables; analysts read the views and functions of schema `registry`."""
HALF, SINGLE = "e", "f"  # the formats of the module struct: no list of models waits for NumPy


def rounded(numbers: Sequence[float], format_: str) -> tuple[float, ...]:
    """Return floats that equal numbers in half or single precision."""
    layout = f"{len(numbers)}{format_}"
    return struct.unpack(layout, struct.pack(layout, *numbers))


class Half(TypeDecorator[tuple[float, ...]]):
    """A pgvector halfvec: a fixed count of half-precision numbers, in Python a tuple of floats."""

    impl = HALFVEC
    cache_ok = True

    def process_bind_param(
        self,
        value: tuple[float, ...] | None,
        dialect: Dialect,  # noqa: ARG002  # as SQLAlchemy calls it
    ) -> list[float] | None:
        """Pgvector takes lists alone."""
        return None if value is None else list(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> tuple[float, ...] | None:  # noqa: ARG002  # likewise
        """Return Python floats that equal the stored half-precision numbers, sent as decimals."""
        if value is None:
            return None
        numbers = value if isinstance(value, list) else value.to_list()  # pgvector's own type
        return rounded(numbers, HALF)


class Single(TypeDecorator[tuple[float, ...]]):
    """A Postgres array of single-precision numbers, of any length."""

    impl = ARRAY(REAL)
    cache_ok = True

    def process_result_value(self, value: Any, dialect: Dialect) -> tuple[float, ...] | None:  # noqa: ARG002  # likewise
        """Return Python floats that equal the stored single-precision numbers."""
        return None if value is None else rounded(value, SINGLE)


class Base(DeclarativeBase):
    """Every constraint has a name that a migration can speak of."""

    metadata = MetaData(
        schema=TABLES,
        naming_convention={
            "ix": "%(table_name)s_%(column_0_N_name)s_idx",
            "uq": "%(table_name)s_%(column_0_N_name)s_key",
            "ck": "%(table_name)s_%(constraint_name)s_check",
            "fk": "%(table_name)s_%(column_0_N_name)s_fkey",
            "pk": "%(table_name)s_pkey",
        },
    )
    type_annotation_map = {  # noqa: RUF012  # SQLAlchemy's own protocol
        str: Text,
        float: Double,
        datetime: DateTime(timezone=True),
        tuple[float, ...]: ARRAY(Double, as_tuple=True),
        tuple[int, ...]: ARRAY(SmallInteger, as_tuple=True),
        tuple[str, ...]: ARRAY(Text, as_tuple=True),
    }


ModelKey = Annotated[
    int, mapped_column(ForeignKey("models.id", ondelete="CASCADE"), primary_key=True)
]
"""The model that a row belongs to, and goes with."""
