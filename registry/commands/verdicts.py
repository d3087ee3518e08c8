"""Commands that tell where a checkpoint comes from."""

from pathlib import Path
from typing import Any

import click

from registry.commands.options import UNKNOWN, as_json, model, option, reading, source
from registry.commands.printing import output, say_timing, timing_json, write

VERIFIED = {"consistent": 0, "contradicted": 3, "undecidable": 4}  # exit codes of `verify`


@click.command()
@source
@option(
    "-k",
    "--nearest",
    default=10,
    show_default=True,
    type=click.IntRange(1, 1000),
    help="How many models to list.",
)
@option(
    "--quick",
    is_flag=True,
    help="Read no more of a model than the base's name needs; say how much that was.",
)
@option(
    "--report",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write the verdict as a page of HTML, too.",
)
@reading(rank=16)
def identify(
    source: str,
    nearest: int,
    quick: bool,
    report: Path | None,
    as_json: bool,
    timing: bool,
    **options: Any,
) -> None:
    """Tell what a checkpoint comes from: the same weights, a quantised copy, derived, the same family or unknown.

    Exit code 4 when unknown.

    \b
    Example: registry identify ./unknown_model
    """
    from registry import Registry
    from registry.commands.progress import Bar
    from registry.fingerprints.timing import Timing
    from registry.report import verdicts

    if quick and report:
        raise click.UsageError("--quick reads too little for a --report.")
    if quick:
        identify_quickly(source, as_json=as_json, download=options["download"])
        return
    with Registry() as registry, Bar(source) as bar:
        clock = Timing()
        found = registry.identify(source, k=nearest, **options, progress=bar, timing=clock)
        spent = clock.seconds() if timing else None
        if report:
            write(report, registry.page(found))
    content = verdicts.identification_json(found) | timing_json(spent)
    output(as_json, lambda _: content, verdicts.identification_table, found)
    if not as_json:
        say_timing(spent)
    if found.verdict.model is None:
        raise SystemExit(UNKNOWN)


def identify_quickly(source: str, *, as_json: bool, download: bool) -> None:
    """Print what a part of a checkpoint tells."""
    from registry import Registry
    from registry.report import verdicts

    with Registry() as registry:
        verdict, glimpse = registry.identify_quickly(source, download=download)
    content = {
        "source": source,
        **verdicts.verdict_json(verdict),
        "read": glimpse.read,
        "bytes": glimpse.total,
    }
    output(as_json, lambda _: content, lambda it: verdicts.verdict_table(source, it), verdict)
    if verdict.model is None:
        raise SystemExit(UNKNOWN)


@click.command()
@click.argument("a")
@click.argument("b")
@reading(rank=16)
def compare(a: str, b: str, as_json: bool, timing: bool, **options: Any) -> None:
    """Tell whether A comes from B; both are sources or registered models. Exit code 4 when unknown.

    \b
    Example: registry compare ./child llama-small
    """
    from registry import Registry
    from registry.fingerprints.timing import Timing
    from registry.report import verdicts

    clock = Timing()
    with Registry() as registry:
        verdict = registry.compare(a, b, **options, timing=clock)
    spent = clock.seconds() if timing else None
    content = {"a": a, "b": b} | verdicts.verdict_json(verdict) | timing_json(spent)
    output(as_json, lambda _: content, lambda it: verdicts.verdict_table(a, it), verdict)
    if not as_json:
        say_timing(spent)
    if verdict.model is None:
        raise SystemExit(UNKNOWN)


@click.command()
@source
@option(
    "--base",
    "claimed",
    required=True,
    metavar="MODEL",
    help="What it claims to come from, registered or a source.",
)
@reading(rank=16, merging=False)
def verify(source: str, claimed: str, as_json: bool, timing: bool, **options: Any) -> None:
    """Check the claim that a checkpoint comes from a model.

    Exit code 0 when it is consistent, 3 when it is contradicted, 4 when nothing decides.

    \b
    Example: registry verify ./child --base llama-small
    """
    from registry import Registry
    from registry.fingerprints.timing import Timing
    from registry.lineage.pair import consistency
    from registry.report import verdicts

    clock = Timing()
    with Registry() as registry:
        verdict = registry.compare(source, claimed, **options, timing=clock)
    outcome, spent = consistency(verdict), clock.seconds() if timing else None
    content = {"source": source, "base": claimed, "outcome": outcome} | verdicts.verdict_json(
        verdict
    )
    told = verdicts.verified_table(source, claimed, outcome, verdict)
    output(as_json, lambda _: content | timing_json(spent), lambda _: told, verdict)
    if not as_json:
        say_timing(spent)
    raise SystemExit(VERIFIED[outcome])


@click.command()
@model
@as_json
def explain(model: str, as_json: bool) -> None:
    """Repeat what the registry said of a model when it was ingested, with all numbers.

    \b
    Example: registry explain llama-tiny-code
    """
    from registry import Registry
    from registry.report import verdicts

    with Registry() as registry:
        found = registry.explain(model)
    output(
        as_json,
        lambda it: verdicts.explained_json(*it),
        lambda it: verdicts.explained_table(*it),
        found,
    )


@click.command()
@model
@option(
    "-o",
    "--output",
    "path",
    type=click.Path(path_type=Path),
    required=True,
    help="The file to write.",
)
def report(model: str, path: Path) -> None:
    """Write what the registry said of a model as one page of HTML, with pictures.

    \b
    Example: registry report llama-tiny-code -o report.html
    """
    from registry import Registry

    with Registry() as registry:
        write(path, registry.report(model))
    click.echo(f"wrote {path}", err=True)
