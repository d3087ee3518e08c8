"""What needs no database: the fingerprint of a source, its headers, and the verdict on a pair.

What needs torch is imported where it is used.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Unpack

if TYPE_CHECKING:
    from registry.architectures.inspection import Inspection
    from registry.fingerprints.from_source import Options
    from registry.fingerprints.record import Fingerprint
    from registry.lineage.verdict import Verdict
    from registry.workflows.quick_verdict import QuickIdentification
    from registry.workflows.resolve import Named
    from registry.workflows.subject import VerdictOptions

# ruff: noqa: PLC0415  # see the module's docstring


def fingerprint(source: str | Path, **options: "Unpack[Options]") -> "Fingerprint":
    """Fingerprint a folder, a file or `hub/id[@revision]`. Needs no database. Raises RegistryError.

    Of a fingerprint in a file, which ends in .json, the one that it holds.

    Of an adapter without `base`, that of its LoRA delta alone. A hub model is read over the network
    and not stored, unless `download` keeps it in the hub cache.
    registry.fingerprints.from_source.Options has all options.

    >>> import registry
    >>> one = registry.fingerprint("examples/checkpoints/llama-tiny", rank=16)
    >>> one.architecture, one.layers, one.hidden_size
    ('LlamaForCausalLM', 3, 48)
    """
    if Path(source).suffix == ".json":
        from registry.fingerprints.record import RANK
        from registry.workflows import resolve

        named = resolve.resolve(None, source)
        return resolve.fingerprint_in_question(named, {"rank": RANK, **options})

    from registry.fingerprints.from_source import read

    return read(source, **options)[1]


def inspect(source: str | Path) -> "Inspection":
    """Return what a source holds, from its headers alone, in well under a second.

    Raises RegistryError.

    >>> import registry
    >>> registry.inspect("examples/checkpoints/llama-tiny").layers
    3
    """
    from registry.architectures import inspection

    return inspection.inspect(source)


def compare(a: "Named", b: "Named", **options: "Unpack[VerdictOptions]") -> "Verdict":
    """Return whether `a` was derived from `b`. Needs no database. Raises RegistryError.

    Both are sources, fingerprints, or files that `registry fingerprint -o` wrote. The verdict's
    `score` is larger the more surely one comes from the other, and comparable across pairs.

    >>> import registry
    >>> tiny = "examples/checkpoints/llama-tiny"
    >>> print(registry.compare("examples/checkpoints/llama-tiny-code", tiny))
    derived from examples/checkpoints/llama-tiny
    """
    from registry.workflows import compare

    return compare.compare(a, b, **options)


def compare_quickly(a: "Named", b: "Named", *, download: bool = False) -> "QuickIdentification":
    """Return whether `a` comes from `b`, reading no more of both than that needs.

    Needs no database. Raises RegistryError.
    """
    from registry.workflows import compare_quick

    return compare_quick.compare_quickly(a, b, download=download)
