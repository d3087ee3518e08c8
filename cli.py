"""The command line: `registry` and its commands, each of which stands in registry/commands."""

from typing import Any

import click

from registry.commands import (
    adapters,
    characteristic,
    checkpoints,
    database,
    models,
    plot,
    verdicts,
)
from registry.errors import RegistryError


class RegistryGroup(click.Group):
    """The one place where an error of ours becomes a sentence and exit code 1."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except RegistryError as exc:
            raise click.ClickException(str(exc)) from exc


SETTINGS = {
    "auto_envvar_prefix": "REGISTRY",
    "help_option_names": ["-h", "--help"],
    "max_content_width": 110,
}


@click.group(cls=RegistryGroup, context_settings=SETTINGS)
@click.version_option(package_name="weight-registry")
def main() -> None:
    """Tell what a language model's checkpoint comes from, by fingerprints of its weights.

    \b
    registry ingest ./llama-small gpt2      remember two models
    registry identify ./unknown_model       which of them is it near?

    The database is REGISTRY_DATABASE_URL, any Postgres with pgvector; without it an embedded one in
    REGISTRY_DATA_DIR is started and stopped as needed.
    """


for command in (
    *(checkpoints.ingest, checkpoints.fingerprint, checkpoints.inspect),
    *(verdicts.identify, verdicts.compare, verdicts.verify, verdicts.explain, verdicts.report),
    *(models.show, models.list_, models.remove, models.families),
    *(characteristic.characteristic, characteristic.dsv, adapters.lora_init),
    *(adapters.lora, plot.plot, database.db),
):
    main.add_command(command)

if __name__ == "__main__":
    main()
