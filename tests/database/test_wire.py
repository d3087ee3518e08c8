"""registry.database.wire: arrays in Postgres' binary form are read as the server meant them."""

import numpy as np
import psycopg
import pytest

from registry.database.wire import all_numbers, halves, numbers, rectangle

VALUES = [1.5, -2.0, 0.25, 3e-5]


def sent(url, expression):
    with psycopg.connect(url) as connection:
        return connection.execute(f"SELECT {expression}").fetchone()[0]


@pytest.mark.parametrize(("form", "size"), [("double precision", 8), ("real", 4)])
def test_arrays(url, form, size):
    """Numbers of either size, as float64."""
    array = numbers(sent(url, f"array_send(ARRAY{VALUES}::{form}[])"), size)
    assert array.dtype == np.float64
    assert array == pytest.approx(VALUES, rel=1e-7)


def test_an_empty_array(url):
    """It has no head of its own length, and gives no numbers."""
    assert numbers(sent(url, "array_send('{}'::real[])"), 4).tolist() == []


@pytest.mark.parametrize(
    "arrays", [[[1.5, 2.0], [3.0, -4.0]], [[1.5], [2.0, 3.0]], [[1.5], None], []], ids=str
)
def test_many_arrays(url, arrays):
    """As one by one, of one length or of several, with some that are not there."""
    written = [array and sent(url, f"array_send(ARRAY{array}::real[])") for array in arrays]
    together = all_numbers(written, 4)
    assert [None if one is None else one.tolist() for one in together] == arrays


def test_halfvecs(url):
    """Half-precision numbers, exactly as numpy rounds them."""
    values = halves(sent(url, f"halfvec_send('{VALUES}'::halfvec)"))
    assert values.tolist() == np.float16(VALUES).astype(float).tolist()


def test_null_stays_none():
    """What the server has not is None."""
    assert numbers(None, 8) is None
    assert halves(None) is None


def test_rows_of_256(url):
    """Halfvecs that were strung together become rows."""
    vectors = np.arange(512).reshape(2, 256) / 256
    one, other = (f"halfvec_send('{row.tolist()}'::halfvec)" for row in vectors)
    table = rectangle(sent(url, f"{one} || {other}"))
    assert np.array_equal(table, vectors.astype(np.float16).astype(float))
