"""The Python face: a fingerprint without a database, and the registry as an object.

What needs torch is imported where it is used: a list of models should not wait for it.
"""

import math
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from importlib.metadata import version
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self, Unpack

from sqlalchemy.orm import Session

from registry.database import characteristics, fingerprints, models, verdicts
from registry.database.connection import open_database, translated
from registry.database.models import FamilySummary, Summary
from registry.errors import ModelNotFound
from registry.fingerprints.record import Fingerprint

if TYPE_CHECKING:
    from datetime import datetime

    from registry.architectures.inspection import Inspection
    from registry.characteristic.dsv import Measured
    from registry.characteristic.groups import Characteristic
    from registry.characteristic.laws import Pareto
    from registry.fingerprints.from_source import Options
    from registry.fingerprints.partial import Glimpse
    from registry.lineage.adapter_comparison import ComparedAdapter
    from registry.lineage.verdict import Verdict
    from registry.lora_init.start import Initialised, Starting
    from registry.workflows.identify import Identification
    from registry.workflows.ingest import Ingested

TOOL_VERSION = version("weight-registry")


def fingerprint(source: str | Path, **options: "Unpack[Options]") -> Fingerprint:
    """Fingerprint a folder, a file or `hub/id[@revision]`. Needs no database. Raises RegistryError.

    Of an adapter without `base`, that of its update alone. A hub model is read over the network and not stored,
    unless `download` keeps it in the hub cache. registry.fingerprints.from_source.Options has all options.
    """
    from registry.fingerprints.from_source import read  # noqa: PLC0415  # see the module's docstring

    return read(source, **options)[1]


def inspect(source: str | Path) -> "Inspection":
    """Tell what a source holds from its headers alone, in well under a second. Raises RegistryError."""
    from registry.architectures.inspection import inspect as look  # noqa: PLC0415  # see the module's docstring

    return look(source)


def compare(
    a: "str | Path | Fingerprint", b: "str | Path | Fingerprint", **options: "Unpack[Options]"
) -> "Verdict":
    """Tell whether `a` comes from `b`: sources or fingerprints. Needs no database. Raises RegistryError.

    The verdict's `score` is larger the more surely one comes from the other, and comparable across pairs.
    """
    from registry.workflows.compare import compare as own  # noqa: PLC0415  # see the module's docstring

    return own(a, b, **options)


class Registry:
    """A database of fingerprints.

    url: any Postgres 15+ with pgvector; None means REGISTRY_DATABASE_URL, else the embedded server, which runs while
    the object is open. Use it in a `with` block, or call `close`. Every method raises RegistryError, with the
    database unchanged.
    """

    def __init__(self, url: str | None = None) -> None:
        self._open = ExitStack()
        self._engine = self._open.enter_context(open_database(url))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Disconnect, and let go of the embedded server."""
        self._open.close()

    def ingest(
        self,
        source: str | Path,
        *,
        family: str | None = None,
        name: str | None = None,
        **options: "Unpack[Options]",
    ) -> "Ingested":
        """Fingerprint a source and store it unless its weights are registered already, at the same rank or above.

        registry.fingerprints.from_source.Options has the options.
        """
        from registry.workflows.ingest import ingest  # noqa: PLC0415

        with translated(self._engine.url):
            return ingest(self._engine, source, TOOL_VERSION, family=family, name=name, **options)

    def identify(
        self, source: str | Path, *, k: int = 10, **options: "Unpack[Options]"
    ) -> "Identification":
        """Tell what a source comes from, by the k nearest registered models or, for an adapter, adapters.

        registry.fingerprints.from_source.Options has the options.
        """
        from registry.workflows.identify import identify  # noqa: PLC0415

        with translated(self._engine.url):
            return identify(self._engine, source, k=k, **options)

    def identify_quickly(
        self, source: str | Path, *, download: bool = False
    ) -> "tuple[Verdict, Glimpse]":
        """Tell which registered model a source comes from, reading no more of it than that needs."""
        from registry.workflows.identify_quick import identify_quickly  # noqa: PLC0415

        with translated(self._engine.url):
            return identify_quickly(self._engine, source, download=download)

    def compare(
        self,
        a: "str | Path | Fingerprint",
        b: "str | Path | Fingerprint",
        **options: "Unpack[Options]",
    ) -> "Verdict":
        """Tell whether `a` comes from `b`: fingerprints, sources, or names of registered models.

        What is there as a file or folder is taken for a source, then what is registered under the name.
        """
        from registry.lineage.pair import pair_verdict  # noqa: PLC0415
        from registry.workflows.compare import fingerprint_of  # noqa: PLC0415

        one, other = (fingerprint_of(self._known(each), options) for each in (a, b))
        return pair_verdict(one, other, b.digest[:12] if isinstance(b, Fingerprint) else str(b))

    def _known(self, source: "str | Path | Fingerprint") -> "str | Path | Fingerprint":
        """The fingerprint of a registered model, or the source itself."""
        if isinstance(source, Fingerprint) or Path(source).expanduser().exists():
            return source
        try:
            return self.show(str(source))[1]
        except ModelNotFound:
            return source

    def explain(self, name: str) -> "tuple[Summary, Verdict, datetime]":
        """A registered model, the verdict that was stored with it, and when it was given."""
        with self._session() as session:
            return verdicts.kept_verdict(session, name)

    def characteristic(
        self, model: "str | Path | Fingerprint", *, rank: int = 16
    ) -> "Characteristic":
        """The groups of projections of a registered model, a source or a fingerprint (paper 2509.00046, 3.1).

        Of a registered model they are kept. Raises CharacteristicError where there are too few layers or values.
        """
        from registry.characteristic.groups import characteristic  # noqa: PLC0415

        known = self._known(model)
        found = characteristic(self._fingerprint(known, rank), rank)
        if isinstance(known, Fingerprint) and isinstance(model, str):
            with self._session() as session:
                characteristics.keep_characteristic(session, model, found)
        return found

    def distances(
        self,
        model: "str | Path | Fingerprint",
        pairs: "Sequence[tuple[str, str]]" = (),
        *,
        rank: int = 16,
    ) -> "tuple[tuple[Measured, ...], tuple[Pareto, ...]]":
        """The laws of the distances between a model's singular-value vectors; see registry.characteristic.dsv.laws."""
        from registry.characteristic.dsv import laws  # noqa: PLC0415

        return laws(self._fingerprint(self._known(model), rank), rank, pairs)

    def lora_init(
        self,
        base: str | Path,
        like: "str | Path | Fingerprint",
        output: str | Path,
        **options: "Unpack[Starting]",
    ) -> "Initialised":
        """Write an adapter for `base` whose factors start in the shape of `like`'s characteristic.

        base: a source, or a registered model whose source is still there. See lora_init.start. Raises RegistryError.
        """
        from registry.lora_init.start import lora_init  # noqa: PLC0415

        reference = str(like), self.characteristic(like)
        return lora_init(self._source(str(base)), reference, output, **options)

    def _source(self, base: str) -> str:
        """Where a registered model was ingested from, or the source itself."""
        try:
            return base if Path(base).expanduser().exists() else self.show(base)[0].source
        except ModelNotFound:
            return base

    def adapters(
        self, sources: "Sequence[str]", base: str | None = None
    ) -> "list[ComparedAdapter]":
        """Adapters, each SOURCE, LABEL=SOURCE or registered.

        They are merged into `base`, or into the base that they declare, if its weights are here: a source, or a
        registered model's.
        """
        from registry.lineage.adapter_comparison import ComparedAdapter  # noqa: PLC0415
        from registry.workflows.adapters import read_adapter  # noqa: PLC0415

        def weights(declared: str | None) -> str | None:
            name = base or declared
            where = self._source(name) if name else None
            return where if where and Path(where).expanduser().exists() else None

        found = []
        for text in sources:
            known = self._known(text)
            if isinstance(known, Fingerprint):
                summary = self.show(text)[0]
                found.append(
                    ComparedAdapter(
                        summary.name, summary.source, None, summary.declared_base, known
                    )
                )
            else:
                found.append(read_adapter(text, weights))
        return found

    def base_of(
        self, adapters: "Sequence[ComparedAdapter]", base: str | None = None
    ) -> "tuple[str, Fingerprint] | None":
        """The base's name and fingerprint: what is named, or what all adapters declare if it is registered."""
        declared = {each.base for each in adapters}
        name = base or (declared.pop() if len(declared) == 1 else None)
        if not name:
            return None
        known = self._known(name)
        return (
            (name, self._fingerprint(known, 16)) if base or isinstance(known, Fingerprint) else None
        )

    def like(self, adapter: Fingerprint, k: int = 10) -> "list[tuple[str, str | None, float]]":
        """The k registered adapters with the nearest std vectors, over projections in common: name, base, distance."""
        from registry.database.nearest import spreads  # noqa: PLC0415
        from registry.lineage.vector_distances import std_distance_over_common  # noqa: PLC0415

        with self._session() as session:
            known = [row for row in spreads(session, "adapter") if row[2] != adapter.digest]
        found = [
            (name, base, std_distance_over_common(adapter.std, std)) for name, base, _, std in known
        ]
        return sorted((row for row in found if not math.isnan(row[2])), key=lambda row: row[2])[:k]

    def named(self, model: str, rank: int = 16) -> tuple[str, Fingerprint]:
        """The name and fingerprint of a registered model or a source. Raises RegistryError."""
        return Path(model).name if Path(model).exists() else model, self._fingerprint(
            self._known(model), rank
        )

    def _fingerprint(self, known: "str | Path | Fingerprint", rank: int) -> Fingerprint:
        """A fingerprint as it is, or that of a source with so many singular values."""
        from registry.workflows.compare import fingerprint_of  # noqa: PLC0415

        return fingerprint_of(known, {"rank": rank})

    def page(self, found: "Identification") -> str:
        """An identification as a page of HTML."""
        from registry.pages import identified  # noqa: PLC0415

        return identified(found, lambda name: self.show(name)[1], TOOL_VERSION)

    def report(self, name: str) -> str:
        """The verdict that was stored with a model as a page of HTML. Raises ModelNotFound, NoVerdict."""
        from registry.pages import explained  # noqa: PLC0415

        model, verdict, judged_at = self.explain(name)
        return explained(
            model, self.show(name)[1], verdict, judged_at, lambda other: self.show(other)[1]
        )

    def show(self, name: str) -> tuple[Summary, Fingerprint]:
        """A registered model and its fingerprint, by name or the start of its digest."""
        with self._session() as session:
            return fingerprints.load(session, name)

    def models(self) -> list[Summary]:
        """All registered models, by family and name."""
        with self._session() as session:
            return models.listing(session)

    def families(self) -> list[FamilySummary]:
        """All families and their models."""
        with self._session() as session:
            return models.families(session)

    def remove(self, name: str) -> Summary:
        """Delete a model; returns what it was."""
        with self._session() as session:
            return models.remove(session, name)

    @contextmanager
    def _session(self) -> Iterator[Session]:
        with translated(self._engine.url), Session(self._engine) as session, session.begin():
            yield session
