"""Commands that carry fingerprints from one registry to another."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from registry.commands.options import files, json_option, option
from registry.commands.printing import json_text, show
from registry.commands.versions import say_not_compared
from registry.files import write_whole

if TYPE_CHECKING:
    from registry import Registry


@click.command("export")
@click.argument("models", nargs=-1, metavar="[MODEL]...")
@option("--family", multiple=True, help="Export a whole family; may be given again.")
@option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    required=True,
    metavar="FILE",
    help="Where to write: FILE.parquet, or FILE.json for one MODEL.",
)
@json_option
def export(models: tuple[str, ...], family: tuple[str, ...], output: Path, json: bool) -> None:
    """Write fingerprints to a file for other registries, without weights.

    With them go edges, sources, claims, tags, notes and families. Without MODEL and --family all
    models are written; of a family also what its models come from, and what comes from them.
    FILE.json is one model's fingerprint, which every command takes as a SOURCE.

    \b
    Example: registry export --family llama -o llama.parquet
    """
    from registry import Registry
    from registry.report import catalogues

    if output.suffix == ".json" and (len(models) != 1 or family):
        raise click.UsageError("FILE.json goes with one MODEL; write FILE.parquet for more.")
    with Registry() as registry:
        if output.suffix == ".json":
            answer = write_fingerprint(registry, models[0], output)
            show(answer, f"wrote {answer['model']} to {output}", json=json)
            return
        exported = registry.export_catalogue(output, models=models, families=family)
    content = catalogues.exported_json(exported, str(output))
    show(content, catalogues.exported_line(exported, str(output)), json=json)


def write_fingerprint(registry: "Registry", name: str, output: Path) -> dict[str, Any]:
    """Write the fingerprint of one registered model as JSON; return what was written."""
    from registry.fingerprints import serialised
    from registry.report.models import show_json

    summary, fingerprint = registry.show(name)
    content = {**show_json(summary, fingerprint), "record": serialised.to_json(fingerprint)}
    write_whole(output, json_text(content) + "\n")
    return {"file": str(output), "model": summary.name, "digest": summary.digest}


@click.command("import")
@click.argument("source", metavar="FILE|URL", shell_complete=files)
@option(
    "--rename",
    is_flag=True,
    help="Store a model whose name other weights have under NAME~DIGITS of its digest.",
)
@json_option
def import_(source: str, rename: bool, json: bool) -> None:
    """Store the fingerprints of a file that `registry export` wrote.

    All of it in one transaction; a second time changes nothing. What is registered stays as it is:
    the same weights keep their name here and gain what the file says more of them, and other
    weights under a name that is taken are a conflict and left out. Exit code 1 where a model was
    left out.

    \b
    Example: registry import llama.parquet
    """
    from registry import Registry
    from registry.report import catalogues

    with Registry() as registry:
        imported = registry.import_catalogue(source, rename=rename)
        not_compared = say_not_compared(registry)
    content = {**catalogues.imported_json(imported, source), **not_compared}
    show(content, catalogues.imported_lines(imported), json=json)
    if imported.left_out:
        raise SystemExit(1)
