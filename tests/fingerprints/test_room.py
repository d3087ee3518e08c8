"""registry.fingerprints.room: threads that share memory."""

from threading import Event, Thread

import pytest

from registry.fingerprints.room import Room


def test_who_needs_more_than_is_left_waits():
    """It goes on as soon as another has let go."""
    room = Room(100)
    entered = Event()

    def enter() -> None:
        with room.taking(50):
            entered.set()

    thread = Thread(target=enter)
    with room.taking(40), room.taking(20):
        thread.start()
        assert not entered.wait(0.05)
    thread.join(10)
    assert entered.is_set()


def test_what_is_larger_than_all_of_it_is_let_in_alone():
    """It does not wait for ever."""
    room = Room(100)
    with room.taking(1000):
        pass
    with room.taking(100):
        pass


def test_room_comes_back_after_an_error():
    """What failed holds nothing."""
    room = Room(100)
    with pytest.raises(OSError, match="no"), room.taking(100):
        raise OSError("no")
    with room.taking(100):
        pass
