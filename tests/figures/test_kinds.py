"""registry.figures.kinds: the table of figures."""

import subprocess
import sys
from pathlib import Path

import pytest

import registry
from registry.figures import draw, numbers, write
from registry.figures.kinds import FIRST_PAPER, KINDS, OURS, SECOND_PAPER, Subject, arguments


def test_every_kind_is_drawn_and_written():
    """A kind has a figure, a text and a table of numbers, and nothing else has."""
    assert list(draw.FIGURES) == list(write.TEXTS) == list(numbers.TABLES) == list(KINDS)


@pytest.mark.slow
def test_kinds_and_text_need_no_matplotlib():
    """The command line names all kinds, and writes them as text, without loading what draws."""
    for module in ("kinds", "write", "numbers"):
        code = f"import sys, registry.figures.{module}; sys.exit('matplotlib' in sys.modules)"
        subprocess.run([sys.executable, "-c", code], check=True)


def test_a_kind_names_its_paper():
    """As the documents and pages quote it."""
    assert KINDS["pca"].source == "2509.19122, figure 4"
    assert KINDS["pca"].caption == "as paper 2509.19122, figure 4"
    assert KINDS["tree"].caption == KINDS["tree"].source == "what was made from what"
    assert {kind.paper for kind in KINDS.values()} == {FIRST_PAPER, SECOND_PAPER, OURS}


def test_only_figures_and_pages_need_matplotlib():
    """No other module imports it, at the top or inside."""
    root = Path(registry.__file__).parent
    users = {
        path.relative_to(root).as_posix()
        for path in root.rglob("*.py")
        if "matplotlib" in path.read_text().replace("no matplotlib", "")
    }
    assert {path for path in users if not path.startswith("figures/")} <= {"report/page.py"}


def test_a_kind_gets_what_it_takes():
    """Models, models and a rank, or nothing."""
    subject = Subject((), rank=64)
    assert arguments("std", subject) == ((),)
    assert arguments("clusters", subject) == ((), 64)
    assert arguments("generator", subject) == ()
    assert arguments("loss", subject) == (None,)
