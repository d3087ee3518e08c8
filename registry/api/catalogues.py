"""The part of `Registry` on fingerprints that travel between registries."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from registry.api.base import Room
from registry.settings import tool_version

if TYPE_CHECKING:
    from registry.catalogues.export import Exported
    from registry.catalogues.outcomes import Imported

# ruff: noqa: PLC0415  # pyarrow is for those who need it


class Catalogues(Room):
    """Methods of `Registry`."""

    def export_catalogue(
        self, path: str | Path, *, models: Sequence[str] = (), families: Sequence[str] = ()
    ) -> "Exported":
        """Write fingerprints, edges, sources and what people say of models to a Parquet file.

        Of families, with all that their models come from and that comes from them; without
        families and models, everything. No weights are in it.
        """
        from registry.workflows import catalogues

        return catalogues.export_catalogue(
            self._engine, Path(path), tool_version(), models=models, families=families
        )

    def import_catalogue(self, source: str | Path, *, rename: bool = False) -> "Imported":
        """Store what the registry lacks of a catalogue, a file or an https address.

        All of it or nothing; what is registered is never overwritten. `rename` stores a model whose
        name other weights have under another name.
        """
        from registry.workflows import catalogues

        return catalogues.import_catalogue(self._engine, str(source), rename=rename)
