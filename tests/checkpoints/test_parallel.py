"""registry.checkpoints.parallel."""

from threading import Barrier, Event, Lock

import pytest

from registry.checkpoints.parallel import WIDTH, side_by_side


def test_every_item_is_worked_on():
    """Once each, however many there are."""
    for count in (0, 1, WIDTH, 5 * WIDTH + 3):
        done, lock = [], Lock()

        def work(item: int, done=done, lock=lock) -> None:
            with lock:
                done.append(item)

        side_by_side(work, range(count))
        assert sorted(done) == list(range(count))


def test_items_are_worked_on_at_once():
    """WIDTH at a time: all of these wait for each other."""
    barrier = Barrier(WIDTH, timeout=10)
    side_by_side(lambda _: barrier.wait(), range(WIDTH))
    assert not barrier.broken


def test_the_first_error_is_raised_at_once():
    """Though others still work; and no further item is begun."""
    release, begun = Event(), []

    def work(item: int) -> None:
        begun.append(item)
        if item == 1:
            raise OSError("no")
        release.wait(10)

    with pytest.raises(OSError, match="no"):
        side_by_side(work, range(10 * WIDTH))
    release.set()
    assert set(begun) <= set(range(WIDTH))
