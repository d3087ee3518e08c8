"""registry.checkpoints.threads."""

import weakref
from threading import Barrier, Event, Lock

import pytest
import torch

from registry.checkpoints.threads import WIDTH, ahead, side_by_side


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


def test_ahead_keeps_the_order():
    """The results are those of the calls, in turn."""
    assert list(ahead([lambda i=i: i for i in range(20)])) == list(range(20))
    assert list(ahead([])) == []


def test_ahead_begins_the_next_call():
    """It is under way while a result is in use, and no other."""
    begun = [Event() for _ in range(3)]
    for i, _ in enumerate(ahead([event.set for event in begun])):
        assert all(event.wait(10) for event in begun[: i + 2])
        assert not any(event.is_set() for event in begun[i + 2 :])


def test_ahead_holds_two_results():
    """The one in use and the next."""
    alive: weakref.WeakSet[torch.Tensor] = weakref.WeakSet()
    most = 0

    def load() -> torch.Tensor:
        nonlocal most
        tensor = torch.zeros(10)
        alive.add(tensor)
        most = max(most, len(alive))
        return tensor

    for tensor in ahead([load] * 30):
        assert tensor.numel() == 10
    assert most <= 3  # for a moment the caller still holds the one before


def test_errors_of_ahead_come_in_turn():
    """A result that is there is not lost to the next call's failure."""

    def fail() -> int:
        raise OSError("no")

    results = ahead([lambda: 1, fail])
    assert next(results) == 1
    with pytest.raises(OSError, match="no"):
        next(results)
