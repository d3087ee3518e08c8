"""A verdict as one page of HTML that needs nothing else: no network, no script. Pure."""

import io
import re
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from importlib.resources import files
from string import Template
from typing import TYPE_CHECKING

import matplotlib as mpl

from registry.figures.draw import as_figure
from registry.figures.kinds import KINDS, Subject
from registry.figures.style import SETTINGS
from registry.report.tables import probability
from registry.report.verdicts import chances, headline

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from registry.database.nearest import Match
    from registry.fingerprints.record import Fingerprint
    from registry.lineage.verdict import Evidence, Verdict

Named = tuple[str, "Fingerprint"]
TOGETHER, ALONE = (
    ("std", "clusters"),
    ("densities", "labels", "pca"),
)  # pictures with the base beside, and without


def page(
    source: str,
    verdict: "Verdict",
    models: Sequence[Named],
    *,
    matches: Sequence["Match"] = (),
    facts: Mapping[str, object],
    command: str,
) -> str:
    """The whole page. models: the one in question first, then what it is compared with."""
    template = files("registry").joinpath("report/page.html").read_text(encoding="utf-8")
    words = headline(verdict)
    return Template(template).substitute(
        title=escape(f"{source}: {words}"),
        source=escape(source),
        verdict=escape(verdict.verdict),
        headline=escape(words[0].upper() + words[1:]),
        how=listed([*verdict.how, *chances(verdict)]),
        evidence="\n".join(map(evidence_row, verdict.evidence)),
        matches=matches_section(matches),
        figures="\n".join(pictures(models)),
        facts="\n".join(
            f"<dt>{escape(name)}</dt><dd>{escape(str(value))}</dd>" for name, value in facts.items()
        ),
        command=escape(command),
    )


def listed(lines: Sequence[str]) -> str:
    """A list, or nothing."""
    return (
        f'<ul class="how">{"".join(f"<li>{escape(line)}</li>" for line in lines)}</ul>'
        if lines
        else ""
    )


def evidence_row(line: "Evidence") -> str:
    """One line of evidence with its bar."""
    cells = [
        f"<td>{escape(line.sentence)}</td>",
        number("" if line.value is None else f"{line.value:.3g}"),
        f'<td class="bar">{scale(line)}</td>',
        number("" if line.null is None else f"{line.null:.3g}"),
        number("" if line.p_value is None else probability(line.p_value)),
    ]
    return f"<tr>{''.join(cells)}</tr>"


def number(text: str) -> str:
    """A cell of a number."""
    return f'<td class="number">{escape(text)}</td>'


def scale(line: "Evidence") -> str:
    """A value as a bar, with a mark where its null ends; nothing where it has none."""
    if line.value is None or line.null is None:
        return ""
    most = max(line.value, line.null, 1e-300) * 1.05
    width, at = (100 * max(0.0, each) / most for each in (line.value, line.null))
    return (
        f'<div class="scale"><i style="width:{width:.1f}%"></i><b style="left:{at:.1f}%"></b></div>'
    )


def matches_section(matches: Sequence["Match"]) -> str:
    """The nearest models."""
    if not matches:
        return ""
    rows = "".join(
        f"<tr><td>{escape(m.model)}</td><td>{escape(m.family)}</td>"
        f"{number(f'{m.std_distance:.3g}')}{number(f'{m.clustering_distance:.3g}')}</tr>"
        for m in matches
    )
    heads = '<th>model</th><th>family</th><th class="number">std distance</th><th class="number">clustering distance</th>'
    return f"<section><h2>Nearest by the papers' vectors</h2><table><tr>{heads}</tr>{rows}</table></section>"


def pictures(models: Sequence[Named]) -> Iterable[str]:
    """The figures, as far as there is something to draw."""
    for kind in (*TOGETHER, *ALONE):
        own = models if kind in TOGETHER else models[:1]
        if kind != "densities" or own[0][1].histograms:
            caption = f"<figcaption>as paper {KINDS[kind].source}</figcaption>"
            yield f"<figure>{inline(as_figure(kind, Subject(tuple(own))), kind)}{caption}</figure>"


def inline(drawn: "Figure", salt: str) -> str:
    """A figure as an element; its ids are of its own kind, for a page holds several."""
    buffer = io.StringIO()
    with mpl.rc_context({**SETTINGS, "svg.hashsalt": salt}):
        drawn.savefig(buffer, format="svg", metadata={"Date": None})
    text = re.sub(r"<metadata>.*?</metadata>", "", buffer.getvalue(), flags=re.DOTALL)
    return text[text.index("<svg") :]
