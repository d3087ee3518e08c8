"""registry.commands.progress."""

import time

from rich.console import Console

from registry.commands.progress import Bar


def test_progress_appears_after_a_second(capsys, monkeypatch):
    """Quick work draws no bar; slow work tells its share and bytes per second on stderr."""
    clock = iter([100.0, 100.5, 102.0, 103.0])
    monkeypatch.setattr(time, "monotonic", lambda: next(clock, 104.0))
    with Bar("a-model") as bar:
        bar.console = Console(stderr=True, force_terminal=True)
        bar(1, 4, 1_000_000)
        assert bar.progress is None
        bar(2, 4, 9_000_000)
        assert bar.progress is not None
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "50 %, 5 MB/s" in captured.err


def test_a_title_acts_on_nothing():
    """Of a long name the ends are shown, escaped and without markup."""
    assert Bar("[red]a\x1b[2J\n").title == r"[red]a\x1b[2J\n"
    assert len(Bar("a\x1b" * 1000).title) == Bar.WIDTH


def test_no_bar_where_stderr_is_redirected(capsys, monkeypatch):
    """A file or pipe in the place of a terminal gets no bar, however slow the work."""
    monkeypatch.setattr(time, "monotonic", iter([0.0, 10.0, 20.0]).__next__)
    with Bar("a-model") as bar:
        bar.console = Console(stderr=True, force_terminal=False)
        bar(1, 4, 1_000_000)
        assert bar.progress is None
    assert capsys.readouterr().err == ""
