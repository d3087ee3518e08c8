"""What the second paper (arXiv 2509.00046) does with models that a user names."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from sqlalchemy import Engine

from registry.characteristic import dsv, groups
from registry.characteristic.dsv import DsvResult
from registry.characteristic.groups import Characteristic
from registry.database.connecting.transactions import answer_of, in_transaction
from registry.database.stored import characteristics
from registry.errors import DatabaseFault
from registry.fingerprints.record import RANKS
from registry.lora_init import initialisation
from registry.lora_init.initialisation import InitialisationOptions, Initialised
from registry.notices import CharacteristicNotKept, notify
from registry.workflows.resolve import Named, Taken, fingerprint_of, resolve


def characteristic(engine: Engine, named: Named, rank: int) -> Characteristic:
    """Return the groups of projections of a model (section 3.1).

    Those of a registered model are stored, too. Raises CharacteristicError where there are too few
    layers or values.
    """
    model = answer_of(engine, lambda session: resolve(session, named))
    fingerprint = fingerprint_of(model, {"rank": rank})
    characteristic = groups.characteristic(fingerprint, rank)
    if model.taken is Taken.REGISTERED:
        keep = partial(
            characteristics.keep_characteristic, name=model.name, characteristic=characteristic
        )
        try:
            in_transaction(engine, keep)
        except DatabaseFault as fault:  # what was asked for is the answer
            notify(CharacteristicNotKept(model=model.name, reason=str(fault).rstrip(".")))
    return characteristic


def distances(
    engine: Engine, named: Named, pairs: Sequence[tuple[str, str]], rank: int
) -> DsvResult:
    """Return the laws of the distances between a model's singular-value vectors."""
    model = answer_of(engine, lambda session: resolve(session, named))
    return dsv.laws(fingerprint_of(model, {"rank": rank}), rank, pairs)


def lora_init(
    engine: Engine, base: Named, like: Named, output: str | Path, options: InitialisationOptions
) -> Initialised:
    """Write a LoRA adapter for `base` in the shape of `like`'s characteristic.

    Args:
        base: Weights, or a registered model whose weights are still where they were.

    Raises RegistryError.
    """
    target = answer_of(engine, lambda session: resolve(session, base, load=False))
    reference = answer_of(engine, lambda session: resolve(session, like))
    source = target.source or target.given
    shape = characteristic(engine, reference, RANKS[0])
    return initialisation.lora_init(source, (reference.given, shape), output, **options)
