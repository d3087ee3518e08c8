"""The command line: `registry` and its commands, each of which stands in registry/commands."""

import io
import logging
import sys
from functools import partial
from typing import Any

import click

from registry import settings
from registry.commands import (
    adapters,
    atlas,
    bulk,
    catalogues,
    characteristic,
    checkpoints,
    claims,
    curation,
    database,
    fingerprints,
    lineage,
    metrics,
    models,
    pairs,
    plot,
    sql,
    statements,
    verdicts,
    web,
)
from registry.commands.endings import as_program, exit_code_of
from registry.commands.log_lines import OPTION, format_of
from registry.commands.options import option
from registry.commands.printing import say_record
from registry.notices import LOGGER
from registry.settings import LogFormat

SECTIONS: dict[str, tuple[click.Command, ...]] = {
    "Fingerprint and store": (
        checkpoints.ingest,
        bulk.jobs,
        checkpoints.flush,
        checkpoints.upgrade,
        fingerprints.fingerprint,
        checkpoints.inspect,
    ),
    "Ask where a checkpoint comes from": (
        verdicts.identify,
        pairs.compare,
        pairs.verify,
        verdicts.explain,
        verdicts.report,
    ),
    "What was made from what": (lineage.tree, lineage.log, lineage.rejudge),
    "The registry": (models.list_, models.show, models.families, atlas.atlas, web.serve),
    "Put it in order": (
        curation.rename,
        curation.move,
        curation.tag,
        curation.note,
        curation.merge_families,
        curation.remove,
        curation.undo,
    ),
    "Sources and claims": (claims.sources, claims.claims),
    "For other tools": (statements.export_statement,),
    "Between registries": (catalogues.export, catalogues.import_),
    "The papers": (characteristic.characteristic, characteristic.dsv, plot.plot),
    "Adapters": (adapters.lora, adapters.lora_init),
    "Database": (database.db, sql.sql, metrics.metrics),
}

SETTINGS = {
    "auto_envvar_prefix": "REGISTRY",
    "help_option_names": ["-h", "--help"],
    "max_content_width": 110,
}


class NoticePrinter(logging.Handler):
    """Prints notices on stderr, where talk belongs."""

    def emit(self, record: logging.LogRecord) -> None:
        """Print one notice."""
        say_record(record)


class RegistryGroup(click.Group):
    """A group whose help lists the commands under SECTIONS, and whose errors are sentences."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command; its end by a signal is told in one line, where click takes two."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt as exc:
            raise click.Abort from exc

    def main(self, *arguments: Any, standalone_mode: bool = True, **options: Any) -> Any:
        """Run a command and exit; whatever ends it becomes a sentence on stderr and a code."""
        run = partial(super().main, *arguments, standalone_mode=False, **options)
        words = arguments[0] if arguments else options.get("args")
        typed = sys.argv[1:] if words is None else words
        settings.PROGRAM.begin(format_of(typed, settings.log_format()))
        if not standalone_mode:
            return run()
        code = exit_code_of(run)
        settings.PROGRAM.begin()  # not where a bug ends it: that is told in the same format, later
        sys.exit(code)

    def format_commands(
        self,
        ctx: click.Context,  # noqa: ARG002  # click's signature
        formatter: click.HelpFormatter,
    ) -> None:
        """Write every command with the first sentence of its help, section by section."""
        for section, commands in SECTIONS.items():
            rows = [(str(command.name), command.get_short_help_str(80)) for command in commands]
            with formatter.section(section):
                formatter.write_dl(rows)


@click.group(cls=RegistryGroup, context_settings=SETTINGS)
@click.version_option(package_name="weight-registry")
@option(
    OPTION,
    type=click.Choice([str(log_format) for log_format in LogFormat]),
    default=str(LogFormat.TEXT),
    show_default=True,
    expose_value=False,
    help="How notes and errors are written on stderr; json is one object a line.",
)
@click.pass_context
def main(ctx: click.Context) -> None:
    """Identify the base model a checkpoint was derived from, by fingerprints of its weights.

    \b
    registry ingest ./llama-small gpt2      store the fingerprints of two models
    registry identify ./unknown_model       was it derived from one of them?

    The database is REGISTRY_DATABASE_URL, any Postgres with pgvector; without it an embedded one in
    REGISTRY_DATA_DIR is started and stopped as needed.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # names of files need not be Unicode
    printer = NoticePrinter()
    LOGGER.addHandler(printer)
    ctx.call_on_close(partial(LOGGER.removeHandler, printer))
    settings.PROGRAM.command = ctx.invoked_subcommand or ""


for section in SECTIONS.values():
    for subcommand in section:
        main.add_command(subcommand)

if __name__ == "__main__":
    with as_program():
        main()
