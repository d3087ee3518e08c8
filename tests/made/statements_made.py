"""Accounts of models as records, and documents read by the packages of those who publish the schemas."""

import json
from datetime import UTC, datetime
from typing import Any

from registry.checkpoints.file_digests import FileDigest
from registry.database.stored.models import Summary
from registry.lineage.descent import Descent, DirectionReason, DirectionShown
from registry.lineage.standing import Basis
from registry.lineage.verdict import Change, ChangeKind, Evidence, EvidenceKind, Relation, Verdict
from registry.statements.predicate import Stamp
from registry.workflows.account import Account
from registry.workflows.account_lines import Kin, Lines, Place

JUDGED = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
MADE = Stamp(JUDGED, "0.2.0")
COMMIT = "c" * 40
DIGESTS = {"base": "a" * 64, "other": "b" * 64}
TUNED = Change(ChangeKind.FINE_TUNED, amount=0.08)


def summary(name: str) -> Summary:
    """A registered model."""
    return Summary(
        name=name,
        kind="model",
        family="fam",
        source=f"org/{name}",
        revision=COMMIT,
        declared_base=None,
        architecture="LlamaForCausalLM",
        dtype="bfloat16",
        parameters=1000,
        layers=2,
        hidden_size=16,
        digest=DIGESTS.get(name, "d" * 64),
        fingerprint_version=3,
        tool_version="0.2.0",
        ingested_at=JUDGED,
    )


def kin(name: str = "base", basis: Basis = Basis.CLAIMED, **given: Any) -> Kin:
    """A registered relative, of the hub."""
    standard = {
        "relation": Relation.DERIVED,
        "p_value": 1e-9,
        "score": 9.0,
        "explained": 0.99,
        "changes": (TUNED,),
        "parent": True,
        "place": Place(f"org/{name}", COMMIT, "huggingface.co"),
        "model": summary(name),
    }
    return Kin(name=name, basis=basis, **{**standard, **given})


def verdict(
    relation: Relation = Relation.DERIVED, model: str | None = "base", **given: Any
) -> Verdict:
    """A verdict."""
    standard = {
        "closest": "base",
        "p_value": 1e-9,
        "chance": 2e-9,
        "score": 9.0,
        "candidates": 2,
        "changes": (TUNED,),
        "evidence": (
            Evidence(
                EvidenceKind.STREAM, value=30.0, null=3.0, p_value=1e-9, strongest=5.8, pairs=99
            ),
        ),
        "direction": DirectionShown(Descent.UNDECIDED),
    }
    return Verdict(relation, model=model, **{**standard, **given})


def account(lines: Lines | None = None, said: Verdict | None = None, **given: Any) -> Account:
    """What is stated of a fine-tune, unless asked otherwise."""
    standard = {
        "name": "child",
        "kind": "model",
        "family": "fam",
        "place": None,
        "architecture": "LlamaForCausalLM",
        "dtype": "bfloat16",
        "parameters": 1000,
        "layers": 2,
        "hidden_size": 16,
        "digest": "e" * 64,
        "fingerprint_version": 3,
        "judged_at": JUDGED,
        "licences": ("apache-2.0",),
    }
    shown = Lines(ancestors=(kin(),)) if lines is None else lines
    return Account(verdict=said or verdict(), lines=shown, **{**standard, **given})


def merge() -> Account:
    """What is stated of a merge of two, one of which comes from the other."""
    shown = {"basis": Basis.SHOWN, "reason": DirectionReason.MERGE}
    base = kin(**shown)
    other = kin("other", main=False, ancestors=(kin(),), **shown)
    mixed = Change(ChangeKind.MERGED, amount=0.5, parts=("base", "other"), shares=(0.5, 0.5))
    return account(Lines(ancestors=(base, other)), verdict(changes=(mixed,)), name="merge")


def unknown() -> Account:
    """What is stated of a model that nothing is known of."""
    said = verdict(
        Relation.UNKNOWN, None, p_value=0.7, chance=1.0, changes=(), direction=None, score=0.1
    )
    return account(Lines(), said, name="alone", licences=())


def of_files() -> Account:
    """What is stated of weights on the hub that were read, and of which a relative may be older or younger."""
    files = (
        FileDigest("model-1.safetensors", 10, "1" * 64),
        FileDigest("model-2.safetensors", 20, "2" * 64),
    )
    place = Place("org/child", COMMIT, "huggingface.co")
    lines = Lines(
        variants=(kin(basis=Basis.PRESUMED), kin("gone", Basis.PRESUMED, model=None, place=None))
    )
    return account(lines, files=files, place=place, judged_at=None)


ACCOUNTS = {
    "fine-tune": account,
    "merge": merge,
    "unknown": unknown,
    "files": of_files,
}
"""Makers of accounts of every kind."""


def check_cyclonedx(text: str) -> None:
    """Fail unless a text is a bill of materials of CycloneDX 1.6."""
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    error = JsonStrictValidator(SchemaVersion.V1_6).validate_str(text)
    assert error is None, error


def check_spdx(text: str) -> Any:
    """Return the elements of an SPDX 3.0.1 document; fail unless it is one, of the AI profile."""
    from spdx_python_model import v3_0_1 as spdx

    elements = spdx.SHACLObjectSet()
    spdx.JSONLDDeserializer().deserialize_data(json.loads(text), elements)
    assert not elements.missing_ids
    relationships = list(elements.foreach_type("Relationship"))
    for package in elements.foreach_type("ai_AIPackage"):
        of_package = [one.relationshipType for one in relationships if one.from_ == package]
        for kind in ("hasDeclaredLicense", "hasConcludedLicense"):
            assert sum(one.endswith(kind) for one in of_package) == 1
    return elements


def check_in_toto(text: str) -> None:
    """Fail unless a text is an in-toto Statement v1."""
    import in_toto_attestation.v1.statement_pb2 as messages
    from google.protobuf import json_format
    from in_toto_attestation.v1.statement import Statement

    Statement.copy_from_pb(json_format.Parse(text, messages.Statement())).validate()


CHECKS = {"cyclonedx": check_cyclonedx, "spdx": check_spdx, "in-toto": check_in_toto}
"""What fails unless a text is a document of a form."""
