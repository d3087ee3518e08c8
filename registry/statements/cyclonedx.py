"""A machine-learning bill of materials: CycloneDX 1.6."""

from collections.abc import Iterable, Mapping
from typing import Any

from registry.lineage.standing import Basis
from registry.lineage.verdict import Relation
from registry.statements.predicate import TOOL, Stamp, known, package_url, stable_id
from registry.statements.words import Words
from registry.workflows.account import Account
from registry.workflows.account_lines import Kin, Place

SCHEMA = "http://cyclonedx.org/schema/bom-1.6.schema.json"
MODEL = "machine-learning-model"
SHORT_DIGEST = 12  # digits that stand for a version where no hub names one


def bill_of_materials(account: Account, words: Words, made: Stamp) -> dict[str, Any]:
    """Return the bill of a model, with its relatives as its pedigree."""
    tool = {"type": "application", "bom-ref": TOOL, "name": TOOL, "version": made.version}
    content = {
        "timestamp": made.text,
        "tools": {"components": [tool]},
        "component": model_component(account, words),
    }
    return {
        "$schema": SCHEMA,
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": stable_id("cyclonedx", content),
        "version": 1,
        "metadata": content,
    }


def model_component(account: Account, words: Words) -> dict[str, Any]:
    """Return the model."""
    files = [
        {
            "type": "file",
            "bom-ref": f"file:{file.name}",
            "name": file.name,
            "hashes": [{"alg": "SHA-256", "content": file.sha256}],
        }
        for file in account.files
    ]
    return known(
        {
            "type": MODEL,
            "bom-ref": f"weights:{account.digest}",
            "name": account.name,
            "version": version_of(account.place, account.digest),
            "description": words.headline,
            "hashes": files[0]["hashes"] if len(files) == 1 else [],
            "licenses": licences_of(account.licences),
            "purl": package_url(account.place),
            "pedigree": pedigree_of(account, words),
            "externalReferences": references_of(account.place),
            "components": files,
            "evidence": {"identity": [by_digest(account.digest)]},
            "modelCard": card_of(account),
            "properties": properties_of(verdict_properties(account)),
        }
    )


def version_of(place: Place | None, digest: str) -> str:
    """Return what tells a model from others of its name."""
    on_hub = place is not None and place.hub_id is not None
    return place.revision or "" if place and on_hub else digest[:SHORT_DIGEST]


def licences_of(licences: Iterable[str]) -> list[dict[str, Any]]:
    """Return licences as the card states them, whether or not their names are SPDX's."""
    return [{"license": {"name": name, "acknowledgement": "declared"}} for name in licences]


def references_of(place: Place | None) -> list[dict[str, str]]:
    """Return where the model can be had."""
    address = place.address if place is not None else None
    return [] if address is None else [{"type": "distribution", "url": address}]


def by_digest(digest: str) -> dict[str, Any]:
    """Return that a model was told by the digest over all its weights."""
    method = {"technique": "hash-comparison", "confidence": 1, "value": digest}
    return {"field": "hash", "confidence": 1, "concludedValue": digest, "methods": [method]}


def pedigree_of(account: Account, words: Words) -> dict[str, Any]:
    """Return the relatives; in `variants` those of which nothing tells who came first."""
    lines = account.lines
    kin = {
        "ancestors": lines.ancestors,
        "descendants": lines.descendants,
        "variants": lines.variants,
    }
    return known(
        {
            **{key: components_of(kin[key], account, key) for key in kin},
            "notes": "\n".join(words.notes),
        }
    )


def components_of(kin: Iterable[Kin], account: Account, path: str) -> list[dict[str, Any]]:
    """Return relatives as components.

    Args:
        path: How they are reached, which tells one model that comes up twice from itself.
    """
    return [kin_component(one, account, f"{path}/{one.name}") for one in kin]


def kin_component(kin: Kin, account: Account, path: str) -> dict[str, Any]:
    """Return a relative, with what it comes from itself."""
    model = kin.model
    above = components_of(kin.ancestors, account, f"{path}/ancestors")
    return known(
        {
            "type": MODEL,
            "bom-ref": f"{path}@{model.digest}" if model else path,
            "name": kin.name,
            "version": version_of(kin.place, model.digest) if model else None,
            "purl": package_url(kin.place),
            "pedigree": {"ancestors": above} if above else {},
            "externalReferences": references_of(kin.place),
            "evidence": {"identity": [by_weights(kin, account)]},
            "properties": properties_of(kin_properties(kin)),
        }
    )


def by_weights(kin: Kin, account: Account) -> dict[str, Any]:
    """Return how sure it is that this is the relative: 1 less the p-value.

    Of the model that the verdict names it is family-wise, over all candidates. That it came first
    is a second method where weights show it, with one less the measured share of errors; where that
    is but claimed, nothing is said of the two together.
    """
    verdict = account.verdict
    is_named = kin.name == verdict.model
    p_value = verdict.chance if is_named and verdict.chance is not None else kin.p_value
    is_equal = kin.relation is Relation.SAME_WEIGHTS
    methods: list[dict[str, Any]] = []
    if is_equal:
        methods.append({"technique": "hash-comparison", "confidence": 1.0})
    elif p_value is not None:
        methods.append({"technique": "binary-analysis", "confidence": 1 - p_value})
    if kin.direction_error is not None and kin.basis is Basis.SHOWN:
        shown = {"technique": "binary-analysis", "confidence": 1 - kin.direction_error}
        methods.append({**shown, "value": f"direction: {kin.reason}"})
    is_open = kin.basis is Basis.CLAIMED
    overall = None if is_open or not methods else min(one["confidence"] for one in methods)
    identity = {"field": "name", "confidence": overall, "concludedValue": kin.name}
    return known({**identity, "methods": methods})


def kin_properties(kin: Kin) -> dict[str, object]:
    """Return what is known of a relative: relation, direction and numbers."""
    return {
        "relation": kin.relation,
        "direction": kin.basis,
        "direction-reason": kin.reason,
        "direction-error": kin.direction_error,
        "main": kin.main,
        "p-value": kin.p_value,
        "score": kin.score,
        "explained": kin.explained,
        "weights-digest": kin.model and kin.model.digest,
        "changes": ", ".join(str(change.kind) for change in kin.changes) or None,
    }


def verdict_properties(account: Account) -> dict[str, object]:
    """Return the verdict and the digest that it is about."""
    verdict = account.verdict
    return {
        "weights-digest": account.digest,
        "fingerprint-version": account.fingerprint_version,
        "relation": verdict.verdict,
        "nearest": verdict.model,
        "p-value": verdict.p_value,
        "chance": verdict.chance,
        "candidates": verdict.candidates,
        "grade": verdict.grade,
    }


def card_of(account: Account) -> dict[str, Any]:
    """Return what headers and weights say of the model; uses and risks are for others to write."""
    return known(
        {
            "modelParameters": known({"modelArchitecture": account.architecture}),
            "properties": properties_of(
                {
                    "kind": account.kind,
                    "family": account.family,
                    "parameters": account.parameters,
                    "layers": account.layers,
                    "hidden-size": account.hidden_size,
                    "dtype": account.dtype,
                }
            ),
        }
    )


def properties_of(values: Mapping[str, object]) -> list[dict[str, str]]:
    """Return values as properties in our namespace, those that are known."""
    properties = []
    for name, value in values.items():
        if value is None:
            continue
        text = str(value).lower() if isinstance(value, bool) else str(value)
        properties.append({"name": f"{TOOL}:{name}", "value": text})
    return properties
