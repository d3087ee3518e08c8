"""Reads what a model card, a config and an adapter's config claim.

A file that cannot be read claims nothing: claims are no part of the fingerprint, and none of them
keeps weights from being read.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from registry.checkpoints.blob import Files
from registry.checkpoints.claim import Claim, Claimant, Claimed
from registry.checkpoints.limits import limit
from registry.checkpoints.model_card import (
    BASE,
    CONFIGS,
    as_list,
    card_metadata,
    model_named,
    read_json,
    texts_at,
)
from registry.errors import BrokenJSON

MOST = limit("claims")
LONGEST = limit("claim-length")
CARD = "README.md"
ADAPTER_CONFIG = "adapter_config.json"
RELATION = "base_model_relation"
LICENCE, LICENCE_NAME, LICENCE_LINK = "license", "license_name", "license_link"
OTHER = "other"  # the licence of a card that names it in another key


def claims_beside(
    files: Files, stated: Sequence[Claim] = (), own_name: str | None = None
) -> tuple[Claim, ...]:
    """Return all that is claimed of a model, each claim once, those of the card first.

    That a model is its own base is left out.

    Args:
        files: What stands in the folder of the weights.
        stated: What the format of the weights itself claims.
        own_name: What the model is called.
    """
    claims = [
        *claims_of_card(files),
        *claims_of_config(content_of(files, CONFIGS)),
        *claims_of_adapter_config(content_of(files, (ADAPTER_CONFIG,))),
        *stated,
    ]
    itself = (Claimed.BASE_MODEL, (own_name or "").partition("@")[0])
    once = dict.fromkeys(claims)
    return tuple(claim for claim in once if (claim.claim, claim.value) != itself)


def content_of(files: Files, names: Sequence[str]) -> dict[str, Any]:
    """Return what the first of some JSON files holds; nothing where it is broken or missing."""
    present = [name for name in names if name in files]
    try:
        return read_json(files[present[0]]) if present else {}
    except BrokenJSON:
        return {}


def claims_of_card(files: Files) -> list[Claim]:
    """Return the claims of a model card: bases, relation and licence."""
    if CARD not in files:
        return []
    metadata = card_metadata(files[CARD])
    licences = texts_at(metadata, LICENCE)
    names = texts_at(metadata, LICENCE_NAME)
    if names:
        licences = [licence for licence in licences if licence != OTHER]
    licences = [*licences, *names, *texts_at(metadata, LICENCE_LINK)]
    return [
        *claims_of(Claimed.BASE_MODEL, bases(texts_at(metadata, BASE)), Claimant.CARD),
        *claims_of(Claimed.RELATION, texts_at(metadata, RELATION), Claimant.CARD),
        *claims_of(Claimed.LICENCE, licences, Claimant.CARD),
    ]


def claims_of_config(config: Mapping[str, Any]) -> list[Claim]:
    """Return the claims of a config: architectures, or else the type of models, and the base."""
    classes = config.get("architectures")
    architectures = classes if isinstance(classes, list) and classes else [config.get("model_type")]
    declared = bases(as_list(config.get("_name_or_path")))
    return [
        *claims_of(Claimed.BASE_MODEL, declared, Claimant.CONFIG),
        *claims_of(Claimed.ARCHITECTURE, architectures, Claimant.CONFIG),
    ]


def claims_of_adapter_config(config: Mapping[str, Any]) -> list[Claim]:
    """Return the claims of an adapter's config: the base that it goes with."""
    declared = bases(as_list(config.get("base_model_name_or_path")))
    return claims_of(Claimed.BASE_MODEL, declared, Claimant.ADAPTER_CONFIG)


def claims_of_facts(facts: Mapping[str, Any]) -> tuple[Claim, ...]:
    """Return the claims of a GGUF file's facts: bases, licence and architecture."""
    declared = []
    for number in range(MOST):
        prefix = f"general.base_model.{number}"
        declared.append(facts.get(f"{prefix}.repo_url") or facts.get(f"{prefix}.name"))
    names = [facts.get("general.license.name"), facts.get("general.license.link")]
    licences = [facts.get("general.license"), *names]
    if names[0]:
        licences = [licence for licence in licences if licence != OTHER]
    architectures = [facts.get("general.architecture")]
    claims = [
        *claims_of(Claimed.BASE_MODEL, bases(declared), Claimant.CONFIG),
        *claims_of(Claimed.LICENCE, licences, Claimant.CONFIG),
        *claims_of(Claimed.ARCHITECTURE, architectures, Claimant.CONFIG),
    ]
    return tuple(claims)


def bases(declared: Iterable[object]) -> list[str | None]:
    """Return the models that texts name: hub ids, or the last parts of paths."""
    return [model_named(text) for text in declared]


def claims_of(claim: Claimed, values: Iterable[object], made_by: Claimant) -> list[Claim]:
    """Return a claim for every value that is a text of sensible length, up to the most."""
    texts = [value.strip() for value in values if isinstance(value, str)]
    sensible = [text for text in texts if 0 < len(text) <= LONGEST]
    return [Claim(claim, text, made_by) for text in sensible[:MOST]]
