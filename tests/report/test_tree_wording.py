"""registry.report.tree_wording."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from registry.database.lineage.trees import Edge
from registry.lineage.standing import Basis
from registry.lineage.verdict import Relation
from registry.report.tree_wording import root_headline

EDGE = Edge(
    child="chat",
    parent="base",
    relation=Relation.DERIVED,
    direction=Basis.SHOWN,
    reason=None,
    main=True,
    p_value=1e-9,
    score=20.0,
    explained=0.9,
    changes=(),
    judged_at=datetime(2026, 1, 1, tzinfo=UTC),
    because="test",
    id=1,
)


@pytest.mark.parametrize(
    ("basis", "ending"),
    [
        (Basis.SHOWN, ""),
        (Basis.CLAIMED, ", direction as claimed"),
        (Basis.PRESUMED, ", direction presumed"),
    ],
)
def test_a_root_is_not_said_to_come_from_its_child(basis, ending):
    """Its headline has the direction of the tree, and what that rests on."""
    edges = [replace(EDGE, child="other"), replace(EDGE, direction=basis)]
    assert root_headline("chat", edges) == f"related: chat is derived from it{ending}"


def test_a_root_beside_a_model_that_is_not_its_child():
    """It is related, and the tree knows nothing that it comes from."""
    expected = "related to cousin: no model that this one comes from is in the tree"
    assert root_headline("cousin", [EDGE]) == expected
