"""A verdict as one page of HTML that needs nothing else: no network, no script. Pure."""

import io
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from html import escape
from importlib.resources import files
from string import Template
from typing import TYPE_CHECKING

import matplotlib as mpl

from registry.errors import NothingToDraw
from registry.figures.draw import as_figure
from registry.figures.kinds import KINDS, Subject
from registry.figures.layer_drift import LayerDrift
from registry.figures.style import DARK, SETTINGS, glyphs_missing
from registry.fingerprints.record import NamedFingerprint
from registry.legible import glimpse, legible_lines
from registry.lineage.verdict import Evidence, Verdict
from registry.report.bars import bar_of
from registry.report.verdicts import null_text, p_value_text, score_text
from registry.report.wording import evidence_sentence, headline, verdict_lines

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from registry.database.searching.nearest import Match
    from registry.database.stored.models import Summary
    from registry.fingerprints.record import Fingerprint
    from registry.workflows.identify import Identification

Facts = Mapping[str, object]

BESIDE_BASE = ("std", "clusters")  # pictures that show the model and the one that is named
ALONE = ("densities", "labels", "pca")  # pictures of the model by itself
LONGEST_TEXT = 2000  # characters


def identification_page(
    identification: "Identification", named: NamedFingerprint | None, version: str
) -> str:
    """Return the page of a source that was identified.

    Args:
        named: The registered model that the verdict names, None where there is none or it is gone.
        version: The tool's.
    """
    now = datetime.now(UTC)
    source = identification.source
    facts = {
        "source": source,
        **fingerprint_facts(identification.fingerprint),
        "registry": version,
        "drawn up": f"{now:%Y-%m-%d %H:%M} UTC",
    }
    models = [NamedFingerprint("this", identification.fingerprint)]
    if named:
        models.append(named)
    return page(
        source,
        identification.verdict,
        models,
        matches=identification.matches,
        facts=facts,
        command=shlex.join(["registry", "identify", source, "--report", "page.html"]),
    )


def explained_page(
    model: "Summary",
    fingerprint: "Fingerprint",
    verdict: Verdict,
    judged_at: datetime,
    named: NamedFingerprint | None,
) -> str:
    """Return the page of a registered model, with the verdict that was stored with it.

    Args:
        named: The registered model that the verdict names, None where there is none or it is gone.
    """
    facts: dict[str, object] = {"source": model.source}
    if model.revision:
        facts["revision"] = model.revision
    facts |= fingerprint_facts(fingerprint)
    facts["registry"] = model.tool_version
    facts["judged at"] = f"{judged_at:%Y-%m-%d %H:%M}"

    models = [NamedFingerprint(model.name, fingerprint)]
    if named:
        models.append(named)
    command = shlex.join(["registry", "report", model.name, "-o", "page.html"])
    return page(model.name, verdict, models, facts=facts, command=command)


def fingerprint_facts(fingerprint: "Fingerprint") -> dict[str, object]:
    """Return what was measured, by the names that the page shows."""
    shape = f"{fingerprint.layers} layers x {fingerprint.hidden_size}"
    weights = f"{fingerprint.parameters:,} in {fingerprint.dtype}"
    if fingerprint.stored:
        weights += f", stored as {fingerprint.stored}"
    error = f"relative error at most {fingerprint.error or 0:.1g}"
    return {
        "model": f"{fingerprint.architecture}, {shape}",
        "weights": weights,
        "digest": fingerprint.digest,
        "singular values": f"{fingerprint.rank} of each matrix, {error}",
        "fingerprint version": fingerprint.version,
    }


def page(
    source: str,
    verdict: Verdict,
    models: Sequence[NamedFingerprint],
    *,
    matches: Sequence["Match"] = (),
    facts: Facts,
    command: str,
) -> str:
    """Return the whole page.

    Args:
        models: The one in question first, then what it is compared with.
        facts: Where the numbers come from.
        command: What gives the page again.
    """
    template = part("page.html")
    words = headline(verdict)
    capitalised = words[0].upper() + words[1:]
    changes = changes_list(verdict_lines(verdict))
    evidence = "\n".join(map(evidence_row, verdict.every_line))
    figures = "\n".join(pictures(models))
    filled = Template(template).substitute(
        style=part("style.css") + DARK,
        title=readable(f"{source}: {words}"),
        source=readable(source),
        verdict=readable(verdict.verdict),
        headline=readable(capitalised),
        how=changes,
        evidence=evidence,
        matches=matches_section(matches),
        figures=figures,
        facts=facts_list(facts),
        command=readable(command),
    )
    return legible_lines(filled)


def part(name: str) -> str:
    """Return a file of this room."""
    return files("registry.report").joinpath(name).read_text(encoding="utf-8")


def readable(text: object) -> str:
    """Return text of unknown origin as the page holds it: neither markup nor anything that acts."""
    return escape(glimpse(str(text), LONGEST_TEXT))


def changes_list(lines: Sequence[str]) -> str:
    """Return lines as a list, or nothing."""
    if not lines:
        return ""
    items = "".join(f"<li>{readable(line)}</li>" for line in lines)
    return f'<ul class="how">{items}</ul>'


def facts_list(facts: Facts) -> str:
    """Return the terms and descriptions of a description list."""
    rows = []
    for name, value in facts.items():
        rows.append(f"<dt>{readable(name)}</dt><dd>{readable(value)}</dd>")
    return "\n".join(rows)


def evidence_row(line: Evidence) -> str:
    """Return a line of evidence with its bar."""
    cells = [
        f"<td>{readable(evidence_sentence(line))}</td>",
        number_cell(score_text(line), "score"),
        f'<td class="bar">{bar(line)}</td>',
        number_cell(null_text(line), "null"),
        number_cell(p_value_text(line), "p"),
    ]
    return f"<tr>{''.join(cells)}</tr>"


def number_cell(text: str, name: str) -> str:
    """Return a cell of a number, with the name that it bears where the table is folded."""
    label = f' data-label="{name}"' if text else ""
    return f'<td class="number"{label}>{readable(text)}</td>'


def bar(line: Evidence) -> str:
    """Return a line's bar, with a mark at the null; or nothing."""
    drawn = bar_of(line)
    if drawn is None:
        return ""
    return (
        '<svg class="scale" viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true">'
        f'<rect class="value" width="{drawn.width}" height="8"/>'
        f'<rect class="null" x="{drawn.mark}" y="-3" width="1.2" height="14"/></svg>'
    )


def matches_section(matches: Sequence["Match"]) -> str:
    """Return the nearest models by the papers' vectors, or nothing."""
    if not matches:
        return ""

    rows = []
    for match in matches:
        names = f"<td>{readable(match.model)}</td><td>{readable(match.family)}</td>"
        std = number_cell(f"{match.std_distance:.3g}", "std")
        clustering = number_cell(f"{match.clustering_distance:.3g}", "clustering")
        rows.append(f"<tr>{names}{std}{clustering}</tr>")
    heads = (
        "<tr><th>model</th><th>family</th>"
        '<th class="number">std distance</th><th class="number">clustering distance</th></tr>'
    )
    table = f'<table class="folds"><thead>{heads}</thead><tbody>{"".join(rows)}</tbody></table>'
    return f"<section><h2>Nearest by the papers' vectors</h2>{table}</section>"


def pictures(models: Sequence[NamedFingerprint]) -> Iterator[str]:
    """Yield the figures that there is something to draw for, first how far each layer moved."""
    if has_drift(models):
        yield picture("layers", models, first=True)
    _, fingerprint = models[0]
    for kind in (*BESIDE_BASE, *ALONE):
        if kind == "densities" and not fingerprint.histograms:
            continue
        shown = models if kind in BESIDE_BASE else models[:1]
        yield picture(kind, shown)


def has_drift(models: Sequence[NamedFingerprint]) -> bool:
    """Return whether there are two models, of which a matrix was changed and kept its shape."""
    if len(models) != 2:  # noqa: PLR2004  # the model and the one that is named
        return False
    try:
        drift = LayerDrift.between(*models).drift
    except NothingToDraw:
        return False
    return bool((drift > 0).any())


def picture(kind: str, models: Sequence[NamedFingerprint], *, first: bool = False) -> str:
    """Return a figure with its caption; the first one is wide."""
    figure = as_figure(kind, Subject(tuple(models)))
    place = ' class="first"' if first else ""
    caption = f"<figcaption>{readable(KINDS[kind].caption)}</figcaption>"
    return f"<figure{place}>{inline(figure, kind)}{caption}</figure>"


def inline(figure: "Figure", salt: str) -> str:
    """Return a figure as an SVG element; its ids contain the salt, for a page holds several."""
    buffer = io.StringIO()
    with mpl.rc_context({**SETTINGS, "svg.hashsalt": salt}), glyphs_missing():
        figure.savefig(buffer, format="svg", metadata={"Date": None})

    text = re.sub(r"<metadata>.*?</metadata>", "", buffer.getvalue(), flags=re.DOTALL)
    start = text.index("<svg")
    return text[start:]
