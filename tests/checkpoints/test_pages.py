"""registry.checkpoints.pages: memory that is used again while a source is read."""

import numpy as np

from registry.checkpoints.pages import Pool

MEBIBYTE = 1 << 20


def address_of(array: np.ndarray) -> int:
    """Return where an array lies."""
    return array.ctypes.data


def test_pages_come_back_with_the_last_view():
    """A view keeps them; once it is gone the next array lies there."""
    pool = Pool()
    with pool.reusing(8 * MEBIBYTE):
        array = np.frombuffer(pool.lend(2 * MEBIBYTE), np.uint16)
        place = address_of(array)
        view = array[5:].view(np.int16)
        del array
        other = np.frombuffer(pool.lend(2 * MEBIBYTE), np.uint8)
        assert address_of(other) != place
        del view
        again = np.frombuffer(pool.lend(MEBIBYTE + 1), np.uint8)
        assert (address_of(again), len(again)) == (place, MEBIBYTE + 1)


def test_far_too_many_pages_are_not_lent():
    """A small array does not hold on to the pages of a large one."""
    pool = Pool()
    with pool.reusing(64 * MEBIBYTE):
        place = address_of(np.frombuffer(pool.lend(32 * MEBIBYTE), np.uint8))
        assert address_of(np.frombuffer(pool.lend(2 * MEBIBYTE), np.uint8)) != place


def test_no_more_is_kept_than_allowed():
    """Lent and free pages together stay below the limit, and none are kept without one."""
    pool = Pool()
    pool.lend(2 * MEBIBYTE)
    assert not pool._free
    with pool.reusing(5 * MEBIBYTE):
        held = [pool.lend(2 * MEBIBYTE) for _ in range(4)]
        held.pop()
        assert not pool._free
        held.pop()
        held.pop()
        assert [len(pages) for pages in pool._free] == [2 * MEBIBYTE]
        pool.lend(3 * MEBIBYTE)
        assert sum(len(pages) for pages in pool._free) <= 3 * MEBIBYTE
    assert not pool._free
