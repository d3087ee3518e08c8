"""Threads that wait for a network side by side. None of them keeps the program from ending."""

from collections.abc import Callable, Sequence
from concurrent.futures import Future, as_completed
from functools import partial
from threading import Event, Thread
from typing import TypeVar

T = TypeVar("T")
WIDTH = 8  # requests in flight


def start(work: Callable[[], T]) -> Future[T]:
    """Call `work` in a thread; its result or error is the future's.

    An executor's threads would be waited for when the program ends, for minutes if a server is slow.
    """
    future: Future[T] = Future()

    def run() -> None:
        try:
            future.set_result(work())
        except BaseException as exc:  # noqa: BLE001  # raised where the result is asked for
            future.set_exception(exc)

    Thread(target=run, daemon=True).start()
    return future


def side_by_side(work: Callable[[T], object], items: Sequence[T]) -> None:
    """Call `work` on every item, WIDTH at a time. Raises the first error at once and begins no further item."""
    stopped = Event()

    def some(share: Sequence[T]) -> None:
        for item in share:
            if stopped.is_set():
                return
            work(item)

    shares = [items[i::WIDTH] for i in range(min(WIDTH, len(items)))]
    try:
        for future in as_completed([start(partial(some, share)) for share in shares]):
            future.result()
    finally:
        stopped.set()
