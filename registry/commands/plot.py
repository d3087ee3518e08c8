"""Pictures of what is registered, and of sources."""

from pathlib import Path
from tempfile import mkdtemp

import click

from registry.commands.options import option

KINDS = (
    *("densities", "std", "pca", "labels", "clusters", "paths"),
    *("distances", "laws", "pairs", "polar", "generator", "loss"),
)


@click.command()
@click.argument("kind", type=click.Choice(KINDS))
@click.argument("models", nargs=-1, metavar="[MODEL]...")
@option(
    "-o",
    "--output",
    "path",
    type=click.Path(path_type=Path),
    help="A .png or .svg [default: lines of text].",
)
@option(
    "--open",
    "show",
    is_flag=True,
    help="Show the picture; without -o, from a file that is not kept.",
)
@option(
    "--rank",
    type=click.Choice(["16", "64", "256"]),
    default="16",
    show_default=True,
    help="Singular values.",
)
def plot(kind: str, models: tuple[str, ...], path: Path | None, show: bool, rank: str) -> None:
    """Draw a picture of the papers'; MODELs are registered, or sources. Kind `loss` takes a benchmark's JSON instead.

    \b
    Example: registry plot clusters llama-small llama-tiny -o clusters.svg
    """
    from registry import Registry
    from registry.figures.draw import draw, write

    if show and path is None:
        path = Path(mkdtemp(prefix="registry-")) / f"{kind}.svg"
    with Registry() as registry:
        if path is None:
            click.echo(write(registry.named, kind, models, int(rank)))
            return
        draw(registry.named, kind, models, int(rank), path)
    click.echo(f"wrote {path}", err=True)
    if show:
        click.launch(str(path))
