"""registry.report.versions: what is said of models whose fingerprints are of another version."""

from datetime import UTC, datetime

import pytest
from versions_made import NEW, OLD

from registry.database.stored.models import Summary
from registry.errors import OtherWeights
from registry.fingerprints.record import VERSION
from registry.report.models import models_table
from registry.report.versions import (
    not_compared_json,
    not_compared_lines,
    upgraded_json,
    upgraded_line,
)
from registry.workflows.upgrade import Upgraded, UpgradeOutcome


def summary(version: int) -> Summary:
    """A registered model whose fingerprint is of a version."""
    return Summary(
        name="m",
        kind="model",
        family="f",
        source="./m",
        revision=None,
        declared_base=None,
        architecture="llama",
        dtype="bfloat16",
        parameters=1,
        layers=1,
        hidden_size=1,
        digest="0" * 64,
        fingerprint_version=version,
        tool_version="1",
        ingested_at=datetime(2026, 1, 1, tzinfo=UTC),
    )


def test_a_sentence_for_every_version():
    """How many models, of which version, and what to do about it."""
    assert not_compared_lines({}) == []
    older, newer = not_compared_lines({OLD: 3, NEW: 1})
    many = f"3 models have fingerprints of version {OLD} and are not compared with others"
    one = f"1 model has a fingerprint of version {NEW} and is not compared with others"
    assert older == f"{many}: run `registry upgrade`"
    assert newer == f"{one}: upgrade this package"
    assert not_compared_json({OLD: 3}) == {"not_compared": {str(OLD): 3}}


@pytest.mark.parametrize(
    ("upgraded", "line"),
    [
        (
            Upgraded(summary(VERSION), OLD, UpgradeOutcome.REFRESHED),
            f"m: refreshed, fingerprint of version {OLD} replaced by version {VERSION}",
        ),
        (
            Upgraded(summary(OLD), OLD, UpgradeOutcome.SOURCE_FOUND),
            f"m: fingerprint of version {OLD}, its source is there: ./m",
        ),
        (
            Upgraded(
                summary(OLD),
                OLD,
                UpgradeOutcome.OTHER_WEIGHTS,
                OtherWeights(source="./m", name="m"),
            ),
            f"m: other weights, fingerprint of version {OLD} kept: './m' holds other weights now",
        ),
    ],
    ids=["refreshed", "dry run", "kept"],
)
def test_what_became_of_a_model(upgraded, line):
    """One line, and in JSON the outcome, the version before and the reason beside the model."""
    assert upgraded_line(upgraded).startswith(line)
    answer = upgraded_json(upgraded)
    assert (answer["name"], answer["outcome"]) == ("m", upgraded.outcome.value)
    assert answer["version_before"] == OLD
    assert (answer["error"] is None) == (upgraded.error is None)


def test_a_list_marks_what_is_not_compared():
    """By a column that is there only where it is needed."""
    headers = [str(column.header) for column in models_table([summary(VERSION)]).columns]
    assert "not compared" not in headers
    column = models_table([summary(VERSION), summary(OLD)]).columns[-1]
    assert str(column.header) == "not compared"
    assert list(map(str, column.cells)) == ["", f"version {OLD}"]
