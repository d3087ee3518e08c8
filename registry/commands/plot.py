"""The command that draws figures of the papers for registered models and sources."""

from pathlib import Path
from tempfile import mkdtemp

import click

from registry.commands.naming import named_models
from registry.commands.options import option, rank_option
from registry.commands.printing import say, show_text
from registry.errors import WrongPicture
from registry.figures.kinds import KINDS, Subject, Takes


@click.command()
@click.argument("kind", type=click.Choice(list(KINDS)))
@click.argument("models", nargs=-1, metavar="[MODEL]...")
@option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="A .png or .svg [default: lines of text].",
)
@option(
    "--open",
    is_flag=True,
    help="Show the figure; without -o, from a file that is not kept.",
)
@rank_option(16)
def plot(
    kind: str,
    models: tuple[str, ...],
    output: Path | None,
    open: bool,  # noqa: A002  # named after its flag
    rank: int,
) -> None:
    """Draw a figure of the papers.

    MODELs are registered, or sources. Kind `generator` takes none, and kind `loss` takes the JSON
    of benchmarks/lora_init.py instead.

    \b
    Example: registry plot clusters llama-small llama-tiny -o clusters.svg
    """
    if open and output is None:
        output = Path(mkdtemp(prefix="registry-")) / f"{kind}.svg"

    if output is None:
        from registry.figures.write import as_lines

        show_text(as_lines(kind, subject_of(kind, models, rank)))
        return

    from registry.figures.draw import check_ending, save_whole

    check_ending(output)
    subject = subject_of(kind, models, rank)
    save_whole(kind, subject, output)
    say(f"wrote {output}", event="Written", data={"path": output})
    if open:
        click.launch(str(output))


def subject_of(kind: str, models: tuple[str, ...], rank: int) -> Subject:
    """Return what the figure is drawn of. Raises WrongPicture where something else was given."""
    takes = KINDS[kind].takes

    if takes is Takes.NOTHING and not models:
        return Subject()

    if takes is Takes.BENCHMARK and len(models) == 1:
        from registry.figures.benchmark_figures import read_losses

        return Subject(losses=read_losses(Path(models[0])))

    if takes is Takes.MODELS and models:
        from registry import Registry
        from registry.fingerprints.record import NamedFingerprint

        with Registry() as registry:
            named = named_models(registry, models)
            fingerprints = tuple(
                NamedFingerprint(model.name, registry.fingerprint(model, rank=rank))
                for model in named.models
            )
        return Subject(fingerprints, rank)

    raise WrongPicture(kind=kind, takes=takes.value)
