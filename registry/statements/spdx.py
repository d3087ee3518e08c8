"""An SPDX 3.0.1 document with the AI profile, in JSON-LD."""

from collections.abc import Iterable, Mapping
from typing import Any

from registry.statements.predicate import (
    TOOL,
    Stamp,
    as_text,
    known,
    package_url,
    predicate,
    stable_id,
)
from registry.statements.words import Words
from registry.workflows.account import Account
from registry.workflows.account_lines import Kin, Place

CONTEXT = "https://spdx.org/rdf/3.0.1/spdx-context.jsonld"
VERSION = "3.0.1"
CREATION = "_:creation"
NO_LICENCE = "https://spdx.org/rdf/3.0.1/terms/ExpandedLicensing/NoAssertionLicense"
PROFILES = ["core", "software", "simpleLicensing", "ai"]
Element = dict[str, Any]


class Graph:
    """Elements that a document holds, each with an id that its content gives."""

    def __init__(self, account: Account, words: Words, made: Stamp) -> None:
        """Begin a document whose ids are those of this account and no other."""
        self.key = stable_id("spdx", predicate(account, made), words.headline, *words.notes)
        self.elements: dict[str, Element] = {}

    def add(self, kind: str, what: str, **content: Any) -> str:
        """Add an element; return its id.

        Args:
            kind: Its class.
            what: What tells it from all others in the document.
        """
        number = stable_id(self.key, kind, what)
        element = {"type": kind, "spdxId": number, "creationInfo": CREATION, **known(content)}
        self.elements.setdefault(number, element)
        return number

    def relate(self, start: str, kind: str, ends: list[str], **content: Any) -> str:
        """Add a relationship between elements."""
        what = " ".join([start, kind, *ends])
        return self.add(
            "Relationship",
            what,
            **{"from": start, "relationshipType": kind, "to": ends},
            **content,
        )


def document(account: Account, words: Words, made: Stamp) -> dict[str, Any]:
    """Return a document about a model: its relatives, files and the evidence."""
    graph = Graph(account, words, made)
    agent = graph.add("SoftwareAgent", TOOL, name=TOOL)
    tool = graph.add("Tool", TOOL, name=f"{TOOL}-{made.version}")
    model = add_model(graph, account, words)
    add_files(graph, account, model)
    for kin in account.lines.ancestors:
        add_ancestor(graph, kin, model)
    for kin in account.lines.descendants:
        graph.relate(model, "ancestorOf", [add_kin(graph, kin)], comment=how(kin))
    for kin in account.lines.variants:
        graph.relate(model, "hasVariant", [add_kin(graph, kin)], comment=how(kin))
    graph.add(
        "Annotation",
        "predicate",
        annotationType="other",
        contentType="application/json",
        subject=model,
        statement=as_text(predicate(account, made)),
    )
    creation = {
        "type": "CreationInfo",
        "@id": CREATION,
        "specVersion": VERSION,
        "created": made.text,
        "createdBy": [agent],
        "createdUsing": [tool],
    }
    whole = {
        "type": "SpdxDocument",
        "spdxId": stable_id(graph.key, "SpdxDocument"),
        "creationInfo": CREATION,
        "name": account.name,
        "profileConformance": PROFILES,
        "rootElement": [model],
        "element": list(graph.elements),
    }
    return {"@context": CONTEXT, "@graph": [creation, whole, *graph.elements.values()]}


def add_model(graph: Graph, account: Account, words: Words) -> str:
    """Add the model that the document is about."""
    only = account.files[0].sha256 if len(account.files) == 1 else None
    model = graph.add(
        "ai_AIPackage",
        account.digest,
        name=account.name,
        summary=words.headline,
        description="\n".join(words.notes),
        verifiedUsing=[sha256(only)] if only else [],
        externalIdentifier=[weights_id(account.fingerprint_version, account.digest)],
        software_primaryPurpose="model",
        software_packageVersion=version_of(account.place, account.digest),
        **on_hub(account.place),
        ai_typeOfModel=[account.architecture] if account.architecture else [],
        ai_hyperparameter=entries(
            {
                "parameters": account.parameters,
                "layers": account.layers,
                "hidden_size": account.hidden_size,
                "dtype": account.dtype,
            }
        ),
    )
    declared = [add_licence(graph, text) for text in account.licences]
    add_licences(graph, model, declared)
    return model


def add_licence(graph: Graph, name: str) -> str:
    """Add a licence as a card names it, whether or not SPDX knows the name."""
    kind = "simplelicensing_SimpleLicensingText"
    return graph.add(kind, name, name=name, simplelicensing_licenseText=name)


def add_licences(graph: Graph, model: str, declared: Iterable[str] = ()) -> None:
    """Say what licence is declared, and that none is concluded, as the AI profile wants it said."""
    graph.relate(model, "hasDeclaredLicense", list(declared) or [NO_LICENCE])
    graph.relate(model, "hasConcludedLicense", [NO_LICENCE])


def add_files(graph: Graph, account: Account, model: str) -> None:
    """Add the files of weights, as far as they were read."""
    files = []
    for file in account.files:
        number = graph.add(
            "software_File",
            file.name,
            name=file.name,
            verifiedUsing=[sha256(file.sha256)],
            software_primaryPurpose="model",
        )
        files.append(number)
    if files:
        graph.relate(model, "contains", files, completeness="noAssertion")


def add_ancestor(graph: Graph, kin: Kin, child: str) -> None:
    """Add what a model comes from, and what that comes from itself."""
    parent = add_kin(graph, kin)
    graph.relate(parent, "ancestorOf", [child], comment=how(kin), completeness="noAssertion")
    for above in kin.ancestors:
        add_ancestor(graph, above, parent)


def add_kin(graph: Graph, kin: Kin) -> str:
    """Add a relative."""
    model = kin.model
    digest = model.digest if model else kin.name
    identifiers = [weights_id(model.fingerprint_version, model.digest)] if model else []
    number = graph.add(
        "ai_AIPackage",
        digest,
        name=kin.name,
        externalIdentifier=identifiers,
        software_primaryPurpose="model",
        software_packageVersion=version_of(kin.place, digest) if model else None,
        **on_hub(kin.place),
        ai_typeOfModel=[model.architecture] if model and model.architecture else [],
    )
    add_licences(graph, number)
    return number


def how(kin: Kin) -> str:
    """Return on what a relationship rests, as keys and values."""
    values = {
        "relation": kin.relation,
        "direction": kin.basis,
        "reason": kin.reason,
        "direction_error": kin.direction_error,
        "p_value": kin.p_value,
        "explained": kin.explained,
    }
    return "; ".join(f"{key}={value}" for key, value in values.items() if value is not None)


def sha256(digest: str) -> dict[str, str]:
    """Return a file's digest."""
    return {"type": "Hash", "algorithm": "sha256", "hashValue": digest}


def weights_id(version: int, digest: str) -> dict[str, str]:
    """Return the digest over the digests of all weights, which no file has."""
    name = f"urn:{TOOL}:weights/v{version}:{digest}"
    return {"type": "ExternalIdentifier", "externalIdentifierType": "other", "identifier": name}


def version_of(place: Place | None, digest: str) -> str:
    """Return the commit of a hub, else the digest of the weights."""
    if place is not None and place.hub_id is not None and place.revision:
        return place.revision
    return digest


def on_hub(place: Place | None) -> dict[str, str | None]:
    """Return where a model of the hub is; nothing of any other."""
    if place is None or place.hub_id is None:
        return {}
    return {
        "software_downloadLocation": place.address,
        "software_packageUrl": package_url(place),
    }


def entries(values: Mapping[str, object]) -> list[dict[str, str]]:
    """Return numbers by name as a dictionary of SPDX."""
    return [
        {"type": "DictionaryEntry", "key": key, "value": str(value)}
        for key, value in values.items()
    ]
