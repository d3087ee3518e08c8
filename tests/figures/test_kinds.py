"""registry.figures.kinds: the table of figures."""

import subprocess
import sys
from pathlib import Path

import registry
from registry.figures import draw
from registry.figures.kinds import FIRST_PAPER, KINDS, SECOND_PAPER


def test_every_kind_is_drawn_and_written():
    """A kind has a figure and a text, and nothing else has."""
    assert list(draw.FIGURES) == list(draw.TEXTS) == list(KINDS)


def test_kinds_need_no_matplotlib():
    """The command line names all kinds without loading what draws them."""
    code = "import sys, registry.figures.kinds; sys.exit('matplotlib' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_kind_names_its_paper():
    """As the documents and pages quote it."""
    assert KINDS["pca"].source == "2509.19122, figure 4"
    assert {kind.paper for kind in KINDS.values()} == {FIRST_PAPER, SECOND_PAPER}


def test_only_figures_and_pages_need_matplotlib():
    """No other module imports it, at the top or inside."""
    root = Path(registry.__file__).parent
    users = {
        path.relative_to(root).as_posix()
        for path in root.rglob("*.py")
        if "matplotlib" in path.read_text().replace("no matplotlib", "")
    }
    assert {path for path in users if not path.startswith("figures/")} <= {"report/page.py"}
