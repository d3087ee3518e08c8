"""Commands that answer which model a checkpoint was derived from."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from registry.checkpoints.source_names import check_source, is_path
from registry.commands.measured_run import measured_run
from registry.commands.naming import check_typed, named_models
from registry.commands.options import (
    UNKNOWN,
    RenamedOption,
    full_option,
    json_option,
    model_argument,
    option,
    python_options,
    quick_option,
    reading_options,
    source_argument,
)
from registry.commands.printing import say, show
from registry.commands.versions import say_if_empty, say_not_compared
from registry.files import write_whole

if TYPE_CHECKING:
    from registry import Registry
    from registry.fingerprints.record import NamedFingerprint
    from registry.lineage.verdict import Verdict

VERIFIED = {"consistent": 0, "contradicted": 3, "undecidable": UNKNOWN}  # exit codes of `verify`


@click.command()
@source_argument
@option(
    "-k",
    "--nearest",
    default=10,
    show_default=True,
    type=click.IntRange(1, 1000),
    help="How many models to list.",
)
@quick_option
@option(
    "--report",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Also write the verdict as a page of HTML.",
)
@full_option
@reading_options(rank=16)
def identify(
    source: str,
    nearest: int,
    quick: bool,
    full: bool,
    report: Path | None,
    json: bool,
    timing: bool,
    **options: Any,
) -> None:
    """Name the registered model that a checkpoint was derived from.

    The verdict is one of same weights, quantised copy, derived, same family and unknown.
    Exit code 4 when unknown.

    \b
    Example: registry identify ./unknown_model
    """
    if quick and report:
        raise click.UsageError("--quick reads too little for a --report.")
    check_source(source)
    check_typed(options["merge_into"])

    from registry import Registry
    from registry.report import verdicts

    if quick:
        identify_quickly(source, json=json, download=options["download"])
        return

    with Registry() as registry:
        with measured_run(source, json=json, timing=timing) as run:
            asked = {**python_options(options), "full": full or report is not None}
            identification = registry.identify(source, k=nearest, **asked, **run.observers)
        if report:
            from registry.report.page import identification_page
            from registry.settings import tool_version

            named = named_by(identification.verdict, registry)
            page = identification_page(identification, named, tool_version())
            write_whole(report, page + "\n")
        not_compared = say_not_compared(registry) | say_if_empty(registry)

    run.show(
        {**verdicts.identification_json(identification), **not_compared},
        verdicts.identification_table(identification),
    )
    exit_if_unknown(identification.verdict)


def identify_quickly(source: str, *, json: bool, download: bool) -> None:
    """Print the verdict that a part of a checkpoint's weights allows, and how much was read."""
    from registry import Registry
    from registry.report import verdicts

    with Registry() as registry:
        verdict, glimpse = registry.identify_quickly(source, download=download)
        not_compared = say_not_compared(registry) | say_if_empty(registry)

    content = {
        "source": source,
        **verdicts.verdict_json(verdict),
        **verdicts.read_json(glimpse),
        **not_compared,
    }
    show(content, verdicts.verdict_table(source, verdict), json=json)
    exit_if_unknown(verdict)


def exit_if_unknown(verdict: "Verdict") -> None:
    """End the command with its own exit code where no model was named."""
    if verdict.model is None:
        raise SystemExit(UNKNOWN)


@click.command()
@click.argument("a")
@click.argument("b")
@quick_option
@full_option
@reading_options(rank=16)
def compare(
    a: str, b: str, quick: bool, full: bool, json: bool, timing: bool, **options: Any
) -> None:
    """Decide whether A was derived from B.

    Both are sources, registered models or files of `registry fingerprint -o`. Exit code 4
    when unknown.

    \b
    Example: registry compare ./child llama-small
    """
    check_typed(a, b, options["merge_into"])
    with measured_run(a, json=json, timing=timing) as run:
        reading = {**python_options(options), "full": full, "timing": run.clock}
        verdict, notes = compared(a, b, reading, quick=quick)

    from registry.report import verdicts

    content = {"a": a, "b": b, **verdicts.verdict_json(verdict), **notes}
    run.show(content, verdicts.verdict_table(a, verdict))
    exit_if_unknown(verdict)


def compared(
    a: str, b: str, reading: dict[str, Any], *, quick: bool
) -> tuple["Verdict", dict[str, Any]]:
    """Return the verdict, and what JSON says beside it.

    Two paths need no database: nothing that is registered can be meant.
    """
    import registry as python

    if is_path(a) and is_path(b):
        verdict, read = pair_read(python, (a, b), reading, quick=quick)
        return verdict, {**read, "not_compared": {}}
    with python.Registry() as registry:
        named = named_models(registry, (a, b))
        verdict, read = pair_read(registry, named.models, reading, quick=quick)
        return verdict, {**read, **named.note, **say_not_compared(registry)}


def pair_read(
    python: Any, models: Sequence[Any], reading: dict[str, Any], *, quick: bool
) -> tuple["Verdict", dict[str, Any]]:
    """Return the verdict on a pair, and the bytes that a quick look read.

    Args:
        python: What has the functions: a registry, or the package for what needs none.
    """
    if not quick:
        return python.compare(*models, **reading), {}

    from registry.report.verdicts import read_json

    verdict, glimpse = python.compare_quickly(*models, download=reading["download"])
    return verdict, read_json(glimpse)


@click.command()
@source_argument
@option(
    "--claimed-base",
    cls=RenamedOption,
    former="--base",
    required=True,
    metavar="MODEL",
    help="The base model that is claimed: registered, or a source.",
)
@option(
    "--strict",
    is_flag=True,
    help="Consistent only where the weights show that the base came first.",
)
@quick_option
@full_option
@reading_options(rank=16, merging=False)
def verify(
    source: str,
    claimed_base: str,
    strict: bool,
    quick: bool,
    full: bool,
    json: bool,
    timing: bool,
    **options: Any,
) -> None:
    """Check the claim that a checkpoint was derived from a model.

    Exit code 0 when it is consistent, 3 when it is contradicted, 4 when nothing decides. Where
    the two are related, the weights often do not show which came first: that is said, and
    consistent unless --strict is given. It is contradicted where they show that the base came
    later, or that both come from another registered model.

    \b
    Example: registry verify ./child --claimed-base llama-small
    """
    check_typed(source, claimed_base)

    from registry import Registry
    from registry.lineage.pair import claim_outcome
    from registry.report import verdicts

    with Registry() as registry:
        with measured_run(source, json=json, timing=timing) as run:
            named = named_models(registry, (source, claimed_base))
            asked = {**options, "full": full, "timing": run.clock}
            if quick:
                verdict, read = pair_read(registry, named.models, asked, quick=True)
            else:
                verdict, read = registry.verify(*named.models, **asked), {}
        not_compared = say_not_compared(registry)

    outcome = claim_outcome(verdict, strict=strict)
    claim = {"source": source, "base": claimed_base, "outcome": outcome, "strict": strict}
    run.show(
        {
            **claim,
            **verdicts.verdict_json(verdict),
            **read,
            **named.note,
            **not_compared,
        },
        verdicts.verified_table(source, claimed_base, outcome, verdict),
    )
    raise SystemExit(VERIFIED[outcome])


@click.command()
@model_argument
@json_option
def explain(model: str, json: bool) -> None:
    """Repeat the newest verdict on a registered model.

    It is given at ingestion, and again when models arrive or go that may change it.

    \b
    Example: registry explain llama-tiny-code
    """
    from registry import Registry
    from registry.report import verdicts

    with Registry() as registry:
        stored = registry.explain(model)
    show(verdicts.explained_json(*stored), verdicts.explained_table(*stored), json=json)


@click.command()
@model_argument
@option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    metavar="FILE",
    required=True,
    help="The file to write.",
)
def report(model: str, output: Path) -> None:
    """Write a model's stored verdict as a page of HTML.

    \b
    Example: registry report llama-tiny-code -o report.html
    """
    from registry import Registry
    from registry.report.page import explained_page

    with Registry() as registry:
        summary, verdict, judged_at = registry.explain(model)
        _, fingerprint = registry.show(summary.name)
        named = named_by(verdict, registry)
        page = explained_page(summary, fingerprint, verdict, judged_at, named)
        write_whole(output, page + "\n")
    say(f"wrote {output}")


def named_by(verdict: "Verdict", registry: "Registry") -> "NamedFingerprint | None":
    """Return the model that a verdict names, with its fingerprint, if it is still registered."""
    from registry.errors import ModelNotFound
    from registry.fingerprints.record import NamedFingerprint

    if verdict.model is None:
        return None
    try:
        _, fingerprint = registry.show(verdict.model)
    except ModelNotFound:
        return None
    return NamedFingerprint(verdict.model, fingerprint)
