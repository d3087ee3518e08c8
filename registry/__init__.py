"""The weight registry: which base model a checkpoint was derived from, by its weights alone.

What follows runs in a checkout of the project, with any two models in place of the examples:

>>> import registry
>>> child, base = "examples/checkpoints/llama-tiny-code", "examples/checkpoints/llama-tiny"

A `Fingerprint` is a frozen record; vectors over projections are read by name or by position:

>>> fingerprint = registry.fingerprint(base, rank=16)
>>> isinstance(fingerprint, registry.Fingerprint)
True
>>> fingerprint.std["query"] == fingerprint.std[0]
True

An `Inspection` needs no weights, only their headers:

>>> isinstance(registry.inspect(base), registry.Inspection)
True

A `Verdict` says whether one was derived from the other, and how sure that is:

>>> verdict = registry.compare(child, fingerprint)
>>> isinstance(verdict, registry.Verdict), verdict.verdict.value
(True, 'derived')
>>> registry.compare_quickly(child, base).verdict.verdict.value
'derived'

A `Registry` is a database of fingerprints. `Ingested`, `Identification` and `Resolved` are what it
answers, and `Outcome` says what ingesting changed:

>>> with registry.Registry() as known:
...     first, again = known.ingest(base), known.ingest(base)
...     identification = known.identify(child)
...     resolved = known.resolve("llama-tiny")
>>> isinstance(first, registry.Ingested), first.outcome is registry.Outcome.NEW, again.outcome.value
(True, True, 'unchanged')
>>> isinstance(identification, registry.Identification), identification.verdict.model
(True, 'llama-tiny')
>>> isinstance(resolved, registry.Resolved), resolved.taken.value
(True, 'registered model')

A `Summary` is what the registry says of one model without its fingerprint:

>>> with registry.Registry() as known:
...     [summary] = known.models()
>>> isinstance(summary, registry.Summary), summary.family
(True, 'llama-tiny')

Whatever goes wrong is a `RegistryError`, whose text is one sentence:

>>> try:
...     registry.inspect("./nothing here")
... except registry.RegistryError as error:
...     print(error)
'./nothing here' is neither a file or folder here nor a hub model id; check the spelling.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from registry.errors import RegistryError

if TYPE_CHECKING:
    from registry.api.functions import compare, compare_quickly, fingerprint, inspect
    from registry.api.registry import Registry
    from registry.architectures.inspection import Inspection
    from registry.database.stored.fingerprints import Outcome
    from registry.database.stored.models import Summary
    from registry.fingerprints.record import Fingerprint
    from registry.lineage.verdict import Verdict
    from registry.workflows.identify import Identification
    from registry.workflows.ingest import Ingested
    from registry.workflows.resolve import Resolved

__all__ = [
    "Fingerprint",
    "Identification",
    "Ingested",
    "Inspection",
    "Outcome",
    "Registry",
    "RegistryError",
    "Resolved",
    "Summary",
    "Verdict",
    "compare",
    "compare_quickly",
    "fingerprint",
    "inspect",
]

HOMES = {
    "Fingerprint": "registry.fingerprints.record",
    "Identification": "registry.workflows.identify",
    "Ingested": "registry.workflows.ingest",
    "Inspection": "registry.architectures.inspection",
    "Outcome": "registry.database.stored.fingerprints",
    "Registry": "registry.api.registry",
    "Resolved": "registry.workflows.resolve",
    "Summary": "registry.database.stored.models",
    "Verdict": "registry.lineage.verdict",
    "compare": "registry.api.functions",
    "compare_quickly": "registry.api.functions",
    "fingerprint": "registry.api.functions",
    "inspect": "registry.api.functions",
}


def __getattr__(name: str) -> Any:
    """Import on first use: torch and SQLAlchemy take seconds, `registry --help` should not."""
    if name in HOMES:
        return getattr(import_module(HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    """Name what can be imported, for completion in a shell."""
    return sorted([*globals(), *HOMES])
