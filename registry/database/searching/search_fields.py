"""What registered models can be searched by: each word, its kind, and the column that it means."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement
from sqlalchemy.orm import InstrumentedAttribute, aliased

from registry.database.tables.curation_tables import ClaimRow, SourceRow, TagRow
from registry.database.tables.schema import EdgeRow, Family, FingerprintRow, Model, VerdictRow

DISTANCE = "std_distance"
PARENT = aliased(Model)
STDS = ("q_std", "k_std", "v_std", "o_std", "gate_std", "up_std", "down_std")


class Kind(StrEnum):
    """What the values of a word are."""

    TEXT = "text"
    NUMBER = "a number"
    TIME = "a time"
    FLAG = "true or false"


class Beside(StrEnum):
    """What is read beside a model's own row."""

    FINGERPRINT = "fingerprint"
    VERDICT = "verdict"
    EDGE = "edge"


@dataclass(frozen=True)
class Field:
    """A word to search by.

    Attributes:
        column: What it means; of std_distance, which is measured from a model, nothing.
        description: What it is, in a few words.
        beside: Where the column stands, if not in the model's row or its family's.
        owner: Where a model has several such values, the column that says whose they are: one that
            fits suffices.
    """

    kind: Kind
    column: ColumnElement[Any] | InstrumentedAttribute[Any] | None
    description: str
    beside: Beside | None = None
    owner: InstrumentedAttribute[int] | None = None


def own_fields() -> dict[str, Field]:
    """Return the words for what stands in a model's row."""
    text, number = Kind.TEXT, Kind.NUMBER
    return {
        "name": Field(text, Model.name, "its name"),
        "family": Field(text, Family.name, "its family"),
        "kind": Field(text, Model.kind, "model or adapter"),
        "architecture": Field(text, Model.architecture, "as its config states it"),
        "parameters": Field(number, Model.parameters, "number of weights"),
        "layers": Field(number, Model.layers, "number of layers"),
        "hidden_size": Field(number, Model.hidden_size, "width of the residual stream"),
        "dtype": Field(text, Model.dtype, "storage type of most weights"),
        "source": Field(text, Model.source, "path or hub id that it was read from"),
        "revision": Field(text, Model.revision, "revision of the hub repository"),
        "declared_base": Field(text, Model.declared_base, "base that its card states"),
        "digest": Field(text, Model.digest, "SHA-256 of its weights"),
        "fingerprint_version": Field(number, Model.fingerprint_version, "of its fingerprint"),
        "tool_version": Field(text, Model.tool_version, "of the software that read it"),
        "ingested_at": Field(Kind.TIME, Model.ingested_at, "when it was registered"),
    }


def verdict_fields() -> dict[str, Field]:
    """Return the words for the newest verdict, and for the edge of the tree."""
    text, number = Kind.TEXT, Kind.NUMBER
    verdict, edge = Beside.VERDICT, Beside.EDGE
    return {
        "verdict": Field(text, VerdictRow.verdict, "derived, same family, ...", verdict),
        "base": Field(text, VerdictRow.base, "model that the verdict names", verdict),
        "score": Field(number, VerdictRow.score, "-log10 of the p-value that decides", verdict),
        "p_value": Field(number, VerdictRow.p_value, "of the verdict", verdict),
        "chance": Field(number, VerdictRow.chance, "family-wise p-value", verdict),
        "candidates": Field(number, VerdictRow.candidates, "how many were compared", verdict),
        "explained": Field(number, VerdictRow.explained, "share of the weights", verdict),
        "due": Field(Kind.FLAG, VerdictRow.due, "to be judged again", verdict),
        "parent": Field(text, PARENT.name, "model that it was made from", edge),
        "direction": Field(text, EdgeRow.direction, "shown, claimed or presumed", edge),
    }


def fingerprint_fields() -> dict[str, Field]:
    """Return the words for what the fingerprint holds."""
    beside = Beside.FINGERPRINT
    fields = {
        "rank": Field(Kind.NUMBER, FingerprintRow.rank, "singular values a matrix", beside),
        "vocabulary": Field(Kind.NUMBER, FingerprintRow.vocabulary, "number of tokens", beside),
        "nonfinite": Field(Kind.NUMBER, FingerprintRow.nonfinite, "NaN or infinite", beside),
        "stored": Field(Kind.TEXT, FingerprintRow.stored, "quantisation of the file", beside),
    }
    for place, name in enumerate(STDS, start=1):
        column = FingerprintRow.std[place]
        fields[name] = Field(Kind.NUMBER, column, "standard deviation of all such weights", beside)
    return fields


def listed_fields() -> dict[str, Field]:
    """Return the words for what a model may have several of."""
    text = Kind.TEXT
    return {
        "tag": Field(text, TagRow.tag, "a word put on it", owner=TagRow.model_id),
        "seen_as": Field(text, SourceRow.name, "any of its names", owner=SourceRow.model_id),
        "seen_at": Field(text, SourceRow.source, "any of its sources", owner=SourceRow.model_id),
        "claim": Field(text, ClaimRow.value, "what a card states", owner=ClaimRow.model_id),
    }


FIELDS: Mapping[str, Field] = {
    **own_fields(),
    **verdict_fields(),
    **fingerprint_fields(),
    **listed_fields(),
    DISTANCE: Field(Kind.NUMBER, None, "from the model `near`", Beside.FINGERPRINT),
}
