"""registry.database.tables.column_types: numbers of half and single precision as tuples of floats."""

import numpy as np
import pytest
from sqlalchemy import create_engine, literal, select

from registry.database.connecting.addresses import parsed
from registry.database.tables.column_types import Half, Single


@pytest.mark.parametrize(
    ("column", "precision"), [(Half(3), np.float16), (Single(), np.float32)], ids=["half", "single"]
)
def test_numbers_equal_the_stored_ones(url, column, precision):
    """What comes out is a tuple of floats, each the rounded number and not its decimals."""
    values = (0.1, -2.5, 3e-5)
    engine = create_engine(parsed(url).url)
    with engine.connect() as connection:
        stored = connection.scalar(select(literal(values, column)))
    engine.dispose()
    assert stored == tuple(np.array(values, precision).astype(float).tolist())


@pytest.mark.parametrize("column", [Half(3), Single()], ids=["half", "single"])
def test_null_is_none(url, column):
    """A missing array stays missing."""
    engine = create_engine(parsed(url).url)
    with engine.connect() as connection:
        assert connection.scalar(select(literal(None, column))) is None
    engine.dispose()
