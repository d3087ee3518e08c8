"""Commands on LoRA adapters: compare some, initialise one."""

from pathlib import Path
from typing import Any

import click

from registry.commands.naming import named_models
from registry.commands.options import download_option, files, json_option, option
from registry.commands.printing import show, show_json, show_text
from registry.commands.versions import say_not_compared


@click.command()
@click.argument("adapters", nargs=-1, required=True, metavar="ADAPTER...", shell_complete=files)
@option(
    "--base",
    metavar="MODEL",
    help="Base model to show beside them: registered, or a source [default: the declared one].",
)
@option(
    "--like",
    type=click.IntRange(1),
    metavar="N",
    help="Also list the N registered adapters most like the first.",
)
@json_option
def lora(adapters: tuple[str, ...], base: str | None, like: int | None, json: bool) -> None:
    """Compare LoRA adapters by their std and clustering vectors.

    Shows the vectors of each LoRA delta B A, of the base model and of both merged. ADAPTER is a
    source or registered; LABEL=SOURCE names the data set it was trained on. Of several: their
    distances, whether adapters of one data set or of one base are closer, and the path of
    checkpoints of one run.

    \b
    Example: registry lora emotions=./a therapy=./b --base ./llama-small
    """
    from registry import Registry
    from registry.report.adapters import AdapterReport, adapters_json, adapters_table

    with Registry() as registry:
        named = named_models(registry, adapters, labelled=True)
        members = registry.adapters(named.models, base)
        base_model = registry.base_of(members, base)
        first = members[0].delta
        nearest = registry.like(first, like) if like and first else []
        not_compared = say_not_compared(registry)

    report = AdapterReport(tuple(members), base_model, tuple(nearest))
    if json:
        show_json(adapters_json(report) | named.note | not_compared)
    else:
        show_text(adapters_table(report))


@click.command("lora-init")
@click.argument("base", shell_complete=files)
@option(
    "--like",
    required=True,
    metavar="MODEL",
    help="Reference model whose characteristic shapes the factors: registered, or a source.",
)
@option(
    "--rank",
    type=click.IntRange(1),
    default=16,
    show_default=True,
    help="Rank of the LoRA delta.",
)
@option("--alpha", type=float, help="Scaling of B A, times the rank [default: the rank].")
@option(
    "--targets",
    multiple=True,
    metavar="NAME",
    help="Projection or module to adapt; may be repeated [default: all].",
)
@option(
    "--std",
    type=click.FloatRange(0, min_open=True),
    help="Standard deviation of A and B [default: 0.02].",
)
@option(
    "--seed",
    type=click.IntRange(0),
    default=0,
    show_default=True,
    help="Seed of the random factors.",
)
@option(
    "--keep-output",
    is_flag=True,
    help="Also write the base minus B A, as PiSSA does, so that the initial output is unchanged.",
)
@option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    required=True,
    help="A new or empty folder.",
)
@download_option
@json_option
def lora_init(base: str, like: str, rank: int, output: Path, json: bool, **options: Any) -> None:
    """Write a LoRA adapter initialised like a reference model.

    Its factors A and B are drawn for BASE after the reference's characteristic, as in arXiv
    2509.00046, section 4.

    \b
    Example: registry lora-init ./llama-small --like llama-large --rank 8 -o ./adapter
    """
    from registry import Registry
    from registry.report.adapters import initialised_lines

    with Registry() as registry:
        named = named_models(registry, [base, like])
        target, reference = named.models
        initialised = registry.lora_init(target, reference, output, lora_rank=rank, **options)

    content = {"reference": like, "initialised": initialised, **named.note}
    show(content, initialised_lines(initialised, like), json=json)
