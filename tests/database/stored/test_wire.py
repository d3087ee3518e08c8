"""registry.database.stored.wire: arrays in Postgres' binary form are read as the server meant them."""

import numpy as np
import psycopg
import pytest

from registry.database.stored.wire import (
    DOUBLE,
    INTEGER,
    SINGLE,
    halves,
    numbers,
    rectangle,
    rows_by_count,
    rows_of_numbers,
)

VALUES = [1.5, -2.0, 0.25, 3e-5]


def sent(url, expression):
    with psycopg.connect(url) as connection:
        return connection.execute(f"SELECT {expression}").fetchone()[0]


@pytest.mark.parametrize(("form", "written"), [("double precision", DOUBLE), ("real", SINGLE)])
def test_arrays(url, form, written):
    """Numbers of either size."""
    array = numbers(sent(url, f"array_send(ARRAY{VALUES}::{form}[])"), written)
    assert array == pytest.approx(VALUES, rel=1e-7)


def test_whole_numbers(url):
    """Of four bytes, with their signs."""
    assert numbers(sent(url, "array_send(ARRAY[3, -1])"), INTEGER).tolist() == [3, -1]


def test_an_empty_array(url):
    """It has no head of its own length, and gives no numbers, as one that is not there."""
    assert numbers(sent(url, "array_send('{}'::real[])"), SINGLE).tolist() == []
    assert numbers(None, DOUBLE).tolist() == []
    assert rows_of_numbers(None, 3, DOUBLE).shape == (0, 3)


def test_arrays_of_one_length(url):
    """Strung together they become rows."""
    arrays = "array_send(ARRAY[1.5, 2]::float8[]) || array_send(ARRAY[3, -4]::float8[])"
    assert rows_of_numbers(sent(url, arrays), 2, DOUBLE).tolist() == [[1.5, 2.0], [3.0, -4.0]]


def test_arrays_of_several_lengths(url):
    """Each length has rows of its own; one that was not sent has none."""
    arrays = [[1.5, 2.0], [7.0], [3.0, -4.0]]
    written = " || ".join(f"array_send(ARRAY{array}::real[])" for array in arrays)
    rows = rows_by_count(sent(url, written), np.array([2, 0, 1, 2]))
    assert {count: some.tolist() for count, some in rows.items()} == {
        1: [[7.0]],
        2: [[1.5, 2.0], [3.0, -4.0]],
    }
    assert rows_by_count(None, np.zeros(2, int)) == {}


def test_halfvecs(url):
    """Half-precision numbers, exactly as numpy rounds them."""
    values = halves(sent(url, f"halfvec_send('{VALUES}'::halfvec)"))
    assert values.tolist() == np.float16(VALUES).astype(float).tolist()


def test_null_stays_none():
    """What the server has not is None."""
    assert halves(None) is None


def test_rows_of_256(url):
    """Halfvecs that were strung together become rows."""
    vectors = np.arange(512).reshape(2, 256) / 256
    one, other = (f"halfvec_send('{row.tolist()}'::halfvec)" for row in vectors)
    table = rectangle(sent(url, f"{one} || {other}"))
    assert np.array_equal(table, vectors.astype(np.float16).astype(float))
