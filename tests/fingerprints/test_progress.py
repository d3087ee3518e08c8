"""registry.fingerprints.progress."""

from registry.fingerprints.progress import OrderedProgress


def test_tensors_are_reported_in_their_order():
    """Whichever is done first: each once, with its bytes, as soon as all before it are done."""
    calls = []
    progress = OrderedProgress(lambda *call: calls.append(call), [10, 20, 30])
    progress.finish(1)
    assert calls == []
    progress.finish(0)
    assert calls == [(1, 3, 10), (2, 3, 20)]
    progress.finish(2)
    assert calls[2:] == [(3, 3, 30)]


def test_nobody_listens():
    """Nothing is called, and nothing fails."""
    OrderedProgress(None, [10]).finish(0)
