"""The command that draws figures of the papers for registered models and sources."""

from pathlib import Path
from tempfile import mkdtemp
from typing import TYPE_CHECKING

import click

from registry.commands.naming import named_models
from registry.commands.options import files, option, rank_option
from registry.commands.printing import say, show_text
from registry.errors import ModelNotFound, NoMap, NoParentToDraw, NothingRegistered, WrongPicture
from registry.figures.kinds import KINDS, Subject, Takes

if TYPE_CHECKING:
    from registry import Registry
    from registry.database.lineage.trees import Tree
    from registry.fingerprints.record import NamedFingerprint

MOST_DRAWN = 5000
"""Models of a map; all of more would be an .svg of megabytes."""


@click.command()
@click.argument("kind", type=click.Choice(list(KINDS)))
@click.argument("models", nargs=-1, metavar="[MODEL]...", shell_complete=files)
@option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="A .png or .svg, or .csv for its numbers [default: lines of text].",
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
    """Draw a figure: those of the papers, and where models come from.

    MODELs are registered, or sources. Kind `layers` takes a model and its parent, or a registered
    model alone; `tree` takes models or families, or none for all; `atlas` and `generator` take
    none, and `loss` the JSON of benchmarks/lora_init.py.

    \b
    Example: registry plot clusters llama-small llama-tiny -o clusters.svg
    """
    if open and output is None:
        output = Path(mkdtemp(prefix="registry-")) / f"{kind}.svg"

    if output is None:
        from registry.figures.write import as_lines

        show_text(as_lines(kind, subject_of(kind, models, rank, MOST_DRAWN)))
        return

    from registry.figures.draw import NUMBERS, check_ending, save_whole

    check_ending(output)
    most = None if output.suffix == NUMBERS else MOST_DRAWN
    subject = subject_of(kind, models, rank, most)
    save_whole(kind, subject, output)
    say(f"wrote {output}", event="Written", data={"path": output})
    if open:
        click.launch(str(output))


def subject_of(kind: str, models: tuple[str, ...], rank: int, most: int | None) -> Subject:
    """Return what the figure is drawn of. Raises WrongPicture where something else was given.

    most: Models of a map.
    """
    takes = KINDS[kind].takes

    if takes is Takes.NOTHING and not models:
        return Subject()

    if takes is Takes.BENCHMARK and len(models) == 1:
        from registry.figures.benchmark_figures import read_losses

        return Subject(losses=read_losses(Path(models[0])))

    if takes is Takes.MODELS and models:
        return subject_of_models(models, rank)

    if takes is Takes.PAIR and len(models) in (1, 2):
        return subject_of_pair(models, rank)

    if takes is Takes.FAMILY:
        return subject_of_family(models)

    if takes is Takes.ATLAS and not models:
        return subject_of_map(most)

    raise WrongPicture(kind=kind, takes=takes.value)


def subject_of_models(models: tuple[str, ...], rank: int) -> Subject:
    """Return models and adapters, by name or source."""
    from registry import Registry

    with Registry() as registry:
        return Subject(fingerprints(registry, models, rank), rank)


def subject_of_pair(models: tuple[str, ...], rank: int) -> Subject:
    """Return a model and its parent. Raises NoParentToDraw where none is named, nor known."""
    from registry import Registry
    from registry.fingerprints.record import NamedFingerprint

    with Registry() as registry:
        if len(models) == 2:  # noqa: PLR2004  # a model and its parent
            return Subject(fingerprints(registry, models, rank), rank)
        (name,) = models
        parent = registry.parent(name)
        if parent is None:
            raise NoParentToDraw(name=name)
        child, base = registry.show(name), registry.show(parent)
    pair = (
        NamedFingerprint(child.summary.name, child.fingerprint),
        NamedFingerprint(base.summary.name, base.fingerprint),
    )
    return Subject(pair, rank)


def fingerprints(
    registry: "Registry", models: tuple[str, ...], rank: int
) -> "tuple[NamedFingerprint, ...]":
    """Return fingerprints by name or source, of registered models or computed now."""
    from registry.fingerprints.record import NamedFingerprint

    named = named_models(registry, models)
    records = []
    for model in named.models:
        fingerprint = registry.fingerprint(model, rank=rank)
        records.append(NamedFingerprint(model.name, fingerprint))
    return tuple(records)


def subject_of_family(names: tuple[str, ...]) -> Subject:
    """Return the trees of some models or families, or of all. Raises ModelNotFound."""
    from registry import Registry
    from registry.report.pictures import family_tree

    with Registry() as registry:
        trees = [tree_of(registry, name) for name in names] if names else [registry.tree()]
    family = family_tree(trees)
    if not family.members:
        raise NothingRegistered
    return Subject(family=family)


def subject_of_map(most: int | None) -> Subject:
    """Return the map of all models, thinned to so many. Raises NoMap."""
    from registry import Registry
    from registry.report.pictures import atlas_map

    with Registry() as registry:
        tile = registry.atlas(most=most)
    if not tile.models:
        raise NoMap
    return Subject(atlas=atlas_map(tile))


def tree_of(registry: "Registry", name: str) -> "Tree":
    """Return the tree that a model stands in, or a family's."""
    try:
        return registry.tree(name)
    except ModelNotFound:
        return registry.family_tree(name)
