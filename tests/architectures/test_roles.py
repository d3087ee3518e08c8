"""registry.architectures.roles: the seven projections, and how they meet the residual stream."""

from registry.architectures.roles import INWARD, OUTWARD, PROJECTIONS, WRITING


def test_roles_are_projections():
    """Every role is one of the seven; what writes to the stream is what closes a branch."""
    assert len(set(PROJECTIONS)) == 7
    assert {*INWARD, *OUTWARD} <= set(PROJECTIONS)
    assert set(WRITING) == set(OUTWARD)


def test_every_branch_has_two_sides():
    """Attention and MLP read from the stream by one projection, and write to it by another."""
    assert sorted(INWARD.values()) == sorted(OUTWARD.values()) == ["attention", "mlp"]
