"""Families, page by page."""

from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.orm import Session

from registry.database.lineage.trees import Tree, tree_of_family
from registry.database.pages.tree_parts import MOST
from registry.database.searching.found_models import FoundModels, Search, models_of
from registry.database.searching.search_terms import Comparison, Sign
from registry.database.stored.names import is_unicode
from registry.errors import FamilyNotFound

PAGE = 100
COUNTED = """
    SELECT f.name, coalesce(sum(c.models) FILTER (WHERE c.kind = 'model'), 0)::bigint,
        coalesce(sum(c.models) FILTER (WHERE c.kind = 'adapter'), 0)::bigint
    FROM registry_tables.families AS f
    LEFT JOIN registry_tables.family_counts AS c ON c.family_id = f.id
"""
AFTER = text(f"{COUNTED} WHERE f.name > :name GROUP BY f.name ORDER BY f.name LIMIT :most")
ONE = text(f"{COUNTED} WHERE f.name = :name GROUP BY f.name")


@dataclass(frozen=True)
class CountedFamily:
    """A family, and how many models and adapters are in it."""

    name: str
    models: int
    adapters: int


@dataclass(frozen=True)
class FamilyList:
    """A page of families; next is the last name where there are more, else empty."""

    families: tuple[CountedFamily, ...]
    next: str


@dataclass(frozen=True)
class FamilyContent:
    """A family.

    Attributes:
        members: A page of its models.
        tree: What was made from what in it; None on later pages, and where it does not fit.
    """

    name: str
    count: CountedFamily
    members: FoundModels
    tree: Tree | None


def families_after(session: Session, name: str) -> FamilyList:
    """Return the families that come after a name."""
    after = name if is_unicode(name) else ""
    rows = session.execute(AFTER, {"name": after, "most": PAGE + 1}).all()
    families = tuple(CountedFamily(*row) for row in rows[:PAGE])
    return FamilyList(families, families[-1].name if len(rows) > PAGE else "")


def family_content(session: Session, name: str, after: str) -> FamilyContent:
    """Return a family, and its models behind a place. Raises FamilyNotFound, PlaceRefused."""
    row = session.execute(ONE, {"name": name}).one_or_none() if is_unicode(name) else None
    if row is None:
        raise FamilyNotFound(family=name)
    count = CountedFamily(*row)
    terms = Comparison("family", Sign.EQUAL, (name,))
    members = models_of(session, terms, Search(after=after))
    fits = not after and 0 < count.models + count.adapters <= MOST
    tree = tree_of_family(session, name) if fits and members.models else None
    return FamilyContent(name, count, members, tree)
