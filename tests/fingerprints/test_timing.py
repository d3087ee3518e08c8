"""registry.fingerprints.timing."""

from threading import Barrier, Thread

from registry.fingerprints import timing
from registry.fingerprints.timing import STAGES, Timing


def test_stages_are_summed(monkeypatch):
    """Seconds of every stage, and those since the first began."""
    clock = iter([10.0, 11.0, 20.0, 22.5, 30.0])
    monkeypatch.setattr(timing, "perf_counter", lambda: next(clock))
    spent = Timing()
    with spent.stage("read"):
        pass
    with spent.stage("read"):
        pass
    assert spent.seconds() == {**dict.fromkeys(STAGES, 0.0), "read": 3.5, "wall": 20.0}


def test_nothing_takes_no_time():
    """Before the first stage."""
    assert set(Timing().seconds().values()) == {0.0}


def test_threads_are_added_up():
    """Two that are in a stage at once count twice."""
    spent, barrier = Timing(), Barrier(2, timeout=10)

    def work() -> None:
        with spent.stage("spectrum"):
            barrier.wait()
            barrier.wait()

    threads = [Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seconds = spent.seconds()
    assert 0 < seconds["spectrum"] <= 2 * seconds["wall"]
