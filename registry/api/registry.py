"""The registry as an object: what it stores, answers and lists.

Whatever only some methods need is imported there: a list of models should not wait for more.
"""

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self, TypeVar, Unpack

from registry.api.analysis import Analysis
from registry.api.bulk import Bulk
from registry.api.catalogues import Catalogues
from registry.api.curation import Curation
from registry.api.lineage import Lineage
from registry.api.statements import Statements
from registry.database.connecting.connection import open_whole
from registry.settings import tool_version

if TYPE_CHECKING:
    from registry.characteristic.dsv import DsvResult
    from registry.characteristic.groups import Characteristic
    from registry.database.lineage.verdicts import StoredVerdict
    from registry.database.searching.found_models import Found
    from registry.database.stored.described import Described
    from registry.database.stored.fingerprints import Stored
    from registry.database.stored.listing import Overview
    from registry.database.stored.models import FamilySummary, Summary
    from registry.fingerprints.from_source import Options
    from registry.fingerprints.record import Fingerprint, NamedFingerprint
    from registry.lineage.adapter_comparison import ComparedAdapter
    from registry.lineage.verdict import Verdict
    from registry.lora_init.initialisation import InitialisationOptions, Initialised
    from registry.workflows.adapters import NearAdapter
    from registry.workflows.flush import Flushed
    from registry.workflows.identify import Identification
    from registry.workflows.ingest import Ingested
    from registry.workflows.quick_verdict import QuickIdentification
    from registry.workflows.resolve import Named, Resolved
    from registry.workflows.subject import VerdictOptions
    from registry.workflows.upgrade import Upgraded

# ruff: noqa: PLC0415  # see the module's docstring

T = TypeVar("T")


class Registry(Bulk, Lineage, Curation, Catalogues, Analysis, Statements):
    """A database of fingerprints.

    url: any Postgres 15+ with pgvector; None means REGISTRY_DATABASE_URL, else the embedded server,
    which runs while the object is open. Use it in a `with` block, or call `close`. Every method
    raises RegistryError, with the database unchanged. Methods that read a source take the options
    of registry.fingerprints.from_source.Options.

    >>> import registry
    >>> with registry.Registry() as known:
    ...     known.ingest("examples/checkpoints/llama-tiny", family="llama").outcome.value
    ...     known.identify("examples/checkpoints/llama-tiny-code").verdict.model
    'new'
    'llama-tiny'
    """

    def __init__(self, url: str | None = None) -> None:
        self._url = url
        self._open = ExitStack()
        self._engine = self._open.enter_context(open_whole(url))

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
        """Disconnect, and release the embedded server."""
        self._open.close()

    def ingest(
        self,
        source: str | Path,
        *,
        family: str | None = None,
        name: str | None = None,
        **options: "Unpack[Options]",
    ) -> "Ingested":
        """Fingerprint a source and store it; registered weights gain what their record lacked."""
        from registry.workflows.ingest_file import ingest_source

        return ingest_source(
            self._engine, source, tool_version(), options, family=family, name=name
        )

    def flush(self) -> "list[Flushed]":
        """Store the fingerprints that the database did not take when they were read.

        They wait in files of the data folder, each of which goes once it is stored.
        """
        from registry.workflows import flush

        return flush.flush(self._engine)

    def upgrade(
        self, names: Sequence[str] = (), *, dry_run: bool = False, **options: "Unpack[Options]"
    ) -> "list[Upgraded]":
        """Fingerprint models of old fingerprint versions again, where the source has the weights.

        They keep name, family and rank. `dry_run` only looks whether the sources are there.
        """
        from registry.workflows import upgrade

        return upgrade.upgrade(self._engine, tool_version(), names, dry_run=dry_run, **options)

    def identify(
        self, source: "Named", *, k: int = 10, **options: "Unpack[VerdictOptions]"
    ) -> "Identification":
        """Return the verdict on a source, and the k nearest registered models or adapters."""
        from registry.workflows import identify

        return identify.identify(self._engine, source, k=k, **options)

    def identify_quickly(
        self, source: str | Path, *, download: bool = False
    ) -> "QuickIdentification":
        """Return which registered model a source comes from, reading no more than that needs."""
        from registry.workflows import identify_quick

        return identify_quick.identify_quickly(self._engine, source, download=download)

    def compare_quickly(
        self, a: "Named", b: "Named", *, download: bool = False
    ) -> "QuickIdentification":
        """Return whether `a` comes from `b`, reading no more of both than that needs."""
        from registry.workflows.compare_quick import compare_quickly

        return compare_quickly(self.resolve(a), self.resolve(b), download=download)

    def resolve(self, named: "Named", *, labelled: bool = False) -> "Resolved":
        """Return what a name or source is taken for; methods that take one take the answer."""
        from registry.workflows import resolve

        return self._answer(lambda session: resolve.resolve(session, named, labelled=labelled))

    def fingerprint(self, named: "Named", **options: "Unpack[Options]") -> "Fingerprint":
        """Return the fingerprint of a registered model or, of rank 16 by default, of a source."""
        from registry.workflows import resolve

        return resolve.fingerprint_of(self.resolve(named), options)

    def compare(self, a: "Named", b: "Named", **options: "Unpack[VerdictOptions]") -> "Verdict":
        """Return whether `a` was derived from `b`; registered models or as for registry.compare."""
        from registry.workflows.compare import compare

        return compare(self.resolve(a), self.resolve(b), **options)

    def verify(self, a: "Named", b: "Named", **options: "Unpack[VerdictOptions]") -> "Verdict":
        """Return what `compare` does, with the direction that other registered models show."""
        from registry.workflows.verify import verify

        return verify(self._engine, self.resolve(a), self.resolve(b), **options)

    def explain(self, name: str) -> "StoredVerdict":
        """Return a registered model, the verdict that was stored with it, and when it was given."""
        from registry.database.lineage import verdicts

        return self._answer(lambda session: verdicts.kept_verdict(session, name))

    def characteristic(self, model: "Named", *, rank: int = 16) -> "Characteristic":
        """Return the groups of projections of a model (paper 2509.00046, 3.1).

        Those of a registered model are stored.
        """
        from registry.workflows import characteristic

        return characteristic.characteristic(self._engine, model, rank)

    def distances(
        self, model: "Named", pairs: Sequence[tuple[str, str]] = (), *, rank: int = 16
    ) -> "DsvResult":
        """Return the laws of the distances between a model's singular-value vectors."""
        from registry.workflows import characteristic

        return characteristic.distances(self._engine, model, pairs, rank)

    def lora_init(
        self,
        base: "Named",
        like: "Named",
        output: str | Path,
        **options: "Unpack[InitialisationOptions]",
    ) -> "Initialised":
        """Write an adapter for `base`, initialised in the shape of `like`'s characteristic.

        `base` is a source, or a registered model whose source is still there.
        """
        from registry.workflows import characteristic

        return characteristic.lora_init(self._engine, base, like, output, options)

    def adapters(
        self, sources: "Sequence[Named]", base: str | None = None
    ) -> "list[ComparedAdapter]":
        """Return adapters, each SOURCE, LABEL=SOURCE or registered.

        They are merged into `base`, or the base that they declare, if its weights are here.
        """
        from registry.workflows import adapters

        return adapters.read_adapters(self._engine, sources, base)

    def base_of(
        self, adapters: "Sequence[ComparedAdapter]", base: str | None = None
    ) -> "NamedFingerprint | None":
        """Return the base that is named, or what all adapters declare if it is registered."""
        from registry.workflows.adapters import base_of

        return base_of(self._engine, adapters, base)

    def like(self, adapter: "Fingerprint", k: int = 10) -> "list[NearAdapter]":
        """Return the k registered adapters with the nearest std vectors, the nearest first."""
        from registry.workflows import adapters

        return adapters.adapters_like(self._engine, adapter, k)

    def show(self, name: str) -> "Stored":
        """Return a registered model and its fingerprint, by name or first digits of its digest."""
        from registry.database.stored import fingerprints

        return self._answer(lambda session: fingerprints.load(session, name))

    def described(self, name: str) -> "Described":
        """Return a registered model, its fingerprint, tags, notes and sources, at one moment."""
        from registry.database.stored import described

        return self._answer(lambda session: described.described(session, name))

    def outdated(self, names: Sequence[str] = ()) -> "list[Summary]":
        """Return the models, all or of those named, that `upgrade` reads again, by name."""
        from registry.database.stored import versions

        old_models = self._answer(lambda session: versions.old_models(session, names))
        return [old.model for old in old_models]

    def not_compared(self) -> dict[int, int]:
        """Return how many models have fingerprints of other versions, by version."""
        from registry.database.stored import versions

        return self._answer(versions.not_compared)

    def models(self) -> "list[Summary]":
        """Return all registered models, of any fingerprint version, by family and name."""
        from registry.database.stored import models

        return self._answer(models.listing)

    def overview(self) -> "Overview":
        """Return all registered models, their tags, and those not compared, at one moment."""
        from registry.database.stored import listing

        return self._answer(listing.overview)

    def search(self, where: str = "", *, near: str = "") -> "list[Found]":
        """Return the models that fit a search, by name, or by distance from a model."""
        from registry.database.searching import found_models

        search = found_models.Search(where, near, most=found_models.ALL)
        return self._answer(lambda session: list(found_models.found_models(session, search).models))

    def families(self) -> "list[FamilySummary]":
        """Return all families and their models."""
        from registry.database.stored import models

        return self._answer(models.families)
