"""Running the migrations, from a checkout or from an installed wheel."""

from pathlib import Path

from sqlalchemy import Engine, text
from sqlalchemy.exc import ProgrammingError

from registry.errors import VectorMissing


def migrations() -> Path:
    """The folder of the migrations: inside the package where it was installed, beside it in a checkout."""
    package = Path(__file__).parents[1]
    installed = package / "migrations"
    return installed if installed.is_dir() else package.parent / "migrations"


def upgrade(engine: Engine, shown: str, revision: str = "head") -> None:
    """Migrate upwards. Raises VectorMissing, naming the database as `shown`, where the extension may not be created."""
    from alembic import command  # noqa: PLC0415  # only an upgrade pays for the import
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(migrations()).replace("%", "%%"))
    with engine.connect() as connection:
        config.attributes["connection"] = connection
        try:
            command.upgrade(config, revision)
        except ProgrammingError as exc:
            if "extension" in str(exc.orig):
                raise VectorMissing(url=shown, reason=str(exc.orig).splitlines()[0]) from exc
            raise
        connection.commit()


def update_extension(engine: Engine) -> None:
    """Bring pgvector's objects to the version of the server's binaries, if these have moved on."""
    behind = "SELECT installed_version <> default_version FROM pg_available_extensions WHERE name = 'vector'"
    with engine.begin() as connection:
        if connection.scalar(text(behind)):
            connection.execute(text("ALTER EXTENSION vector UPDATE"))
