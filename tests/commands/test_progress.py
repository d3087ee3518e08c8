"""registry.commands.progress."""

import time

from registry.commands.progress import Bar


def test_progress_appears_after_a_second(capsys, monkeypatch):
    """Quick work draws no bar; slow work tells tensors and bytes per second on stderr."""
    clock = iter([100.0, 100.5, 102.0, 103.0])
    monkeypatch.setattr(time, "monotonic", lambda: next(clock, 104.0))
    with Bar("a-model") as bar:
        bar(1, 4, 1_000_000)
        assert bar.progress is None
        bar(2, 4, 9_000_000)
        assert bar.progress is not None
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "2/4 tensors" in captured.err
