"""Threads that wait for a network side by side. None of them keeps the program from ending.

An executor's threads would be waited for when the program ends, for minutes if a server is slow.
Fingerprints read ahead in threads of their own: there jobs are let in by the memory that they take,
and each gives tasks to workers, where here eight requests wait at a time and give nothing back.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import Future, as_completed
from functools import partial
from threading import Event, Thread
from typing import TypeVar

T = TypeVar("T")
WIDTH = 8  # requests in flight


def start(work: Callable[[], T]) -> Future[T]:
    """Call `work` in a daemon thread; its result or error is the future's."""
    future: Future[T] = Future()

    def run() -> None:
        try:
            future.set_result(work())
        except BaseException as exc:  # noqa: BLE001  # raised where the result is asked for
            future.set_exception(exc)

    Thread(target=run, daemon=True).start()
    return future


def side_by_side(work: Callable[[T], object], items: Sequence[T]) -> None:
    """Call `work` on every item, WIDTH at a time.

    Raises the first error at once, while other items may be in work, and begins no further item.
    """
    stopped = Event()

    def work_on(share: Sequence[T]) -> None:
        for item in share:
            if stopped.is_set():
                return
            work(item)

    shares = [items[first::WIDTH] for first in range(min(WIDTH, len(items)))]
    futures = [start(partial(work_on, share)) for share in shares]
    try:
        for future in as_completed(futures):
            future.result()
    finally:
        stopped.set()
