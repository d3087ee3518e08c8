"""A part of a tree that fits on a page: the whole if it is small, else what comes from a model."""

from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.orm import Session

from registry.database.lineage.trees import Edge, Tree, edges_of, nodes_of
from registry.database.stored.models import find

MOST = 400
ABOVE = text("""
    WITH RECURSIVE line AS (
        SELECT CAST(:number AS integer) AS id, 0 AS steps
        UNION ALL
        SELECT e.parent_id, line.steps + 1
        FROM line JOIN registry_tables.edges AS e ON e.child_id = line.id
        WHERE e.main AND e.superseded_at IS NULL AND line.steps < :most
    )
    SELECT id FROM line ORDER BY steps
""")
BELOW = text("""
    WITH RECURSIVE below AS (
        SELECT CAST(:number AS integer) AS id
        UNION ALL
        SELECT e.child_id
        FROM below JOIN registry_tables.edges AS e ON e.parent_id = below.id
        WHERE e.main AND e.superseded_at IS NULL
    )
    SELECT id FROM below LIMIT :most
""")
"""Children come after their parents; what is beyond the limit is not looked for."""


@dataclass(frozen=True)
class TreePart:
    """A tree around a model.

    Attributes:
        model: Its name.
        line: What it comes from, step by step up to the root.
        tree: All of the tree; of one that is too large the model and what comes from it, as far as
            it fits.
        is_whole, is_cut: Whether all of the tree is there; whether some of what comes from the
            model is not.
    """

    model: str
    line: tuple[str, ...]
    tree: Tree
    is_whole: bool
    is_cut: bool


def tree_part(session: Session, name: str, most: int = MOST) -> TreePart:
    """Return the tree that a model stands in, or as much of it as fits. Raises ModelNotFound."""
    model = find(session, name)
    line = list(session.scalars(ABOVE, {"number": model.id, "most": most}))
    ids = below(session, line[-1], most)
    is_whole = len(ids) <= most
    if not is_whole:
        ids = below(session, model.id, most)
    edges = edges_of(session, ids[:most])
    return TreePart(
        model=model.name,
        line=names_in_order(session, line[1:]),
        tree=Tree(nodes_of(session, ids[:most]), within(edges, model.name, is_whole=is_whole)),
        is_whole=is_whole,
        is_cut=len(ids) > most,
    )


def below(session: Session, number: int, most: int) -> list[int]:
    """Return a model and what comes from it by main edges, up to one more than fits."""
    return list(session.scalars(BELOW, {"number": number, "most": most + 1}))


def within(edges: tuple[Edge, ...], root: str, *, is_whole: bool) -> tuple[Edge, ...]:
    """Return the edges of a part: those of its root lead out of it."""
    return edges if is_whole else tuple(edge for edge in edges if edge.child != root)


def names_in_order(session: Session, ids: list[int]) -> tuple[str, ...]:
    """Return the names of models in the order of their numbers."""
    names = session.scalar(text("SELECT registry_tables.names_of(:ids)"), {"ids": ids})
    return tuple(names or ())
