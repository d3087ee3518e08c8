"""Commands that put two models side by side."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from registry.checkpoints.source_names import is_path
from registry.commands.measured_run import measured_run
from registry.commands.naming import check_typed, named_models
from registry.commands.options import (
    GITHUB,
    UNKNOWN,
    RenamedOption,
    check_format,
    files,
    format_option,
    full_option,
    option,
    python_options,
    quick_option,
    reading_options,
)
from registry.commands.several import annotated_errors, show_checks
from registry.commands.verdicts import exit_if_unknown
from registry.commands.versions import say_not_compared

if TYPE_CHECKING:
    from registry.lineage.verdict import Verdict

VERIFIED = {"consistent": 0, "contradicted": 3, "undecidable": UNKNOWN}  # exit codes of `verify`


@click.command()
@click.argument("a", shell_complete=files)
@click.argument("b", shell_complete=files)
@quick_option
@full_option
@format_option(GITHUB)
@reading_options(rank=16)
def compare(
    a: str,
    b: str,
    quick: bool,
    full: bool,
    format: str | None,  # noqa: A002  # as its flag
    json: bool,
    timing: bool,
    **options: Any,
) -> None:
    """Decide whether A was derived from B.

    Both are sources, registered models or files of `registry fingerprint -o`. Exit code 4
    when unknown.

    \b
    Example: registry compare ./child llama-small
    """
    check_format(format, json=json)
    check_typed(a, b, options["merge_into"])
    with annotated_errors(a, format), measured_run(a, json=json, timing=timing) as run:
        reading = {**python_options(options), "full": full, "timing": run.clock}
        verdict, notes = compared(a, b, reading, quick=quick)

    from registry.report import verdicts

    if format is None:
        content = {"a": a, "b": b, **verdicts.verdict_json(verdict), **notes}
        run.show(content, verdicts.verdict_table(a, verdict))
    else:
        from registry.report.check_wording import identified

        show_checks([identified(a, verdict)])
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
    """Return the verdict on a pair; of a quick look, with the bytes that it read.

    Args:
        python: What has the functions: a registry, or the package for what needs none.
    """
    if quick:
        return quick_look(python, models, reading["download"])
    return python.compare(*models, **reading), {}


def quick_look(
    python: Any, models: Sequence[Any], download: bool
) -> tuple["Verdict", dict[str, Any]]:
    """Return the verdict on a pair by ranges of its weights, and the bytes that were read."""
    from registry.report.verdicts import read_json

    verdict, glimpse = python.compare_quickly(*models, download=download)
    return verdict, read_json(glimpse)


@click.command()
@click.argument("source", required=False, shell_complete=files)
@option(
    "--claimed-base",
    cls=RenamedOption,
    former="--base",
    metavar="MODEL",
    help="The base model that is claimed: registered, or a source.",
)
@option(
    "--claim",
    type=click.Path(path_type=Path),
    metavar="CARD",
    help="Check what a model's own card claims: a README.md, or the folder that holds it.",
)
@option(
    "--strict",
    is_flag=True,
    help="Consistent only where the weights show that the base came first.",
)
@quick_option
@full_option
@format_option(GITHUB)
@reading_options(rank=16, merging=False)
def verify(
    source: str | None,
    claimed_base: str | None,
    claim: Path | None,
    strict: bool,
    quick: bool,
    full: bool,
    format: str | None,  # noqa: A002  # as its flag
    json: bool,
    **options: Any,
) -> None:
    """Check the claim that a checkpoint was derived from a model.

    Exit code 0 when it is consistent, 3 when it is contradicted, 4 when nothing decides. Where
    the two are related, the weights often do not show which came first: that is said, and
    consistent unless --strict is given. It is contradicted where they show that the base came
    later, or that both come from another registered model.

    With --claim the claims are those of the model's card and configs, `base_model` and
    `base_model_relation`; SOURCE is the folder of the card unless it is given.

    \b
    Example: registry verify ./child --claimed-base llama-small
             registry verify --claim ./child/README.md
    """
    check_format(format, json=json)
    timing = options.pop("timing")
    if claim is not None:
        check_with_card(claimed_base, quick=quick, strict=strict)
        with annotated_errors(str(claim), format):
            verify_card(source, claim, format, json=json, timing=timing, **options)
        return
    if claimed_base is None:
        raise click.UsageError("Missing option '--claimed-base' or '--claim'.")
    if source is None:
        raise click.UsageError("Missing argument 'SOURCE'.")
    check_typed(source, claimed_base)

    from registry import Registry
    from registry.lineage.pair import claim_outcome
    from registry.report import verdicts

    with annotated_errors(source, format), Registry() as registry:
        with measured_run(source, json=json, timing=timing) as run:
            named = named_models(registry, (source, claimed_base))
            if quick:
                verdict, read = quick_look(registry, named.models, options["download"])
            else:
                asked = {**options, "full": full, "timing": run.clock}
                verdict, read = registry.verify(*named.models, **asked), {}
        not_compared = say_not_compared(registry)

    outcome = claim_outcome(verdict, strict=strict)
    if format is not None:
        from registry.report.check_wording import verified

        show_checks([verified(source, claimed_base, outcome, verdict)])
        raise SystemExit(VERIFIED[outcome])
    stated = {"source": source, "base": claimed_base, "outcome": outcome, "strict": strict}
    run.show(
        {
            **stated,
            **verdicts.verdict_json(verdict),
            **read,
            **named.note,
            **not_compared,
        },
        verdicts.verified_table(source, claimed_base, outcome, verdict),
    )
    raise SystemExit(VERIFIED[outcome])


def check_with_card(claimed_base: str | None, *, quick: bool, strict: bool) -> None:
    """Raise UsageError for options that say nothing of a card."""
    if claimed_base is not None:
        raise click.UsageError("--claim and --claimed-base are two claims; give one.")
    if quick or strict:
        raise click.UsageError("--quick and --strict go with --claimed-base.")


def verify_card(
    source: str | None, card: Path, form: str | None, *, json: bool, timing: bool, **options: Any
) -> None:
    """Print where a model's own card and its weights disagree."""
    if source is not None:
        check_typed(source)

    from registry.checkpoints.card_claims import card_claims

    claimed = card_claims(card)
    asked = str(claimed.folder) if source is None else source

    from registry import Registry
    from registry.report import cards

    with Registry() as registry:
        with measured_run(asked, json=json, timing=timing) as run:
            [named] = named_models(registry, (asked,)).models
            checked = registry.check_card(claimed, named, timing=run.clock, **options)
        not_compared = say_not_compared(registry)
    place = str(claimed.card or claimed.folder)
    if form is None:
        run.show(
            {**cards.card_json(checked, asked, place), **not_compared},
            cards.card_table(checked, place),
        )
    else:
        from registry.report.check_wording import card_checks

        show_checks(card_checks(checked, place, claimed.line))
    raise SystemExit(VERIFIED[checked.outcome])
