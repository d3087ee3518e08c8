"""Terms of a search as conditions of a query; values are parameters, never a part of the text."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from difflib import get_close_matches
from typing import Any

from sqlalchemy import ColumnElement, Double, and_, cast, exists, func, literal, not_, or_

from registry.database.searching.search_fields import DISTANCE, FIELDS, Beside, Field, Kind
from registry.database.searching.search_terms import (
    All,
    Comparison,
    Named,
    Not,
    Sign,
    Term,
    Value,
)
from registry.database.tables.schema import FingerprintRow, Model
from registry.errors import SearchNeedsModel, SearchValueRefused, SearchWordUnknown

Condition = ColumnElement[bool]

ROUNDING = 1e-6  # of distances of unit vectors in single precision, and then some
LARGEST = 2**63 - 1  # of the server's integers
OPERATORS: dict[Sign, Callable[[Any, Any], Any]] = {
    Sign.EQUAL: lambda column, value: column == value,
    Sign.UNEQUAL: lambda column, value: column != value,
    Sign.LESS: lambda column, value: column < value,
    Sign.AT_MOST: lambda column, value: column <= value,
    Sign.MORE: lambda column, value: column > value,
    Sign.AT_LEAST: lambda column, value: column >= value,
    Sign.LIKE: lambda column, value: column.like(value),
    Sign.ILIKE: lambda column, value: column.ilike(value),
}
FOR_TEXT = frozenset({Sign.LIKE, Sign.ILIKE})
BELOW, ABOVE = frozenset({Sign.LESS, Sign.AT_MOST}), frozenset({Sign.MORE, Sign.AT_LEAST})


@dataclass(frozen=True)
class From:
    """The model that std_distance is measured from.

    Attributes:
        name: Of the model.
        std: Its std vector, 7 numbers.
        group: Models of this search group have the same kind, version and projections.
    """

    name: str
    std: tuple[float, ...]
    group: int

    @property
    def distance(self) -> ColumnElement[float]:
        """The cosine distance of a model, in double precision."""
        std = literal(self.std, FingerprintRow.std.type)
        return func.registry_tables.search_distance(FingerprintRow.std, std, type_=Double)

    @property
    def coarse(self) -> ColumnElement[float]:
        """The same in single precision, a hundred times as fast."""
        kind = FingerprintRow.std_vector.type
        std = cast(literal(list(self.std), kind), kind)
        return FingerprintRow.std_vector.op("<=>", return_type=Double())(std)


def condition_of(term: Term, near: From | None) -> Condition:
    """Return the condition that a term is.

    Raises SearchWordUnknown, SearchValueRefused, SearchNeedsModel.
    """
    if isinstance(term, Comparison):
        return compared(term, near)
    if isinstance(term, Named):
        return func.lower(Model.name).contains(term.text.lower(), autoescape=True)
    if isinstance(term, Not):
        return not_(condition_of(term.term, near))
    join = and_ if isinstance(term, All) else or_
    return join(*[condition_of(one, near) for one in term.terms])


def beside(term: Term | None) -> set[Beside]:
    """Return what the words of a term are read from, beside a model's own row."""
    if isinstance(term, Comparison):
        place = FIELDS[term.word].beside if term.word in FIELDS else None
        return {place} if place else set()
    if isinstance(term, Not):
        return beside(term.term)
    if term is None or isinstance(term, Named):
        return set()
    return set().union(*map(beside, term.terms))


def compared(comparison: Comparison, near: From | None) -> Condition:
    """Return the condition of one comparison."""
    word = comparison.word
    field = FIELDS.get(word)
    if field is None:
        raise unknown(word)
    if comparison.sign in FOR_TEXT and field.kind is not Kind.TEXT:
        raise SearchValueRefused(word=word, kind=field.kind, value=str(comparison.sign))
    values = [value_of(word, field, value) for value in comparison.values]
    if word == DISTANCE:
        if near is None:
            raise SearchNeedsModel(word=word)
        return distance_condition(comparison.sign, values, near)
    assert field.column is not None
    if field.owner is None:
        return column_condition(field.column, comparison.sign, values)
    return listed_condition(field, comparison.sign, values)


def column_condition(column: Any, sign: Sign, values: Sequence[Any]) -> Condition:
    """Return a condition on a column."""
    if sign is Sign.NULL:
        return column.is_(None)  # type: ignore[no-any-return]
    if sign is Sign.IN:
        return or_(*[column == value for value in values])
    return OPERATORS[sign](column, values[0])  # type: ignore[no-any-return]


def listed_condition(field: Field, sign: Sign, values: Sequence[Any]) -> Condition:
    """Return that one of a model's values fits; of `!=` and `is null` that none does, or is."""
    is_own: Any = field.owner == Model.id
    if sign is Sign.NULL:
        return ~exists().where(is_own)
    if sign is Sign.UNEQUAL:
        return ~exists().where(is_own, field.column == values[0])
    return exists().where(is_own, column_condition(field.column, sign, values))


def distance_condition(sign: Sign, values: Sequence[Any], near: From) -> Condition:
    """Return a condition on the distance, which is coarsely looked at first."""
    exact = column_condition(near.distance, sign, values)
    if sign in BELOW:
        return and_(near.coarse < values[0] + literal(ROUNDING, Double), exact)
    if sign in ABOVE:
        return and_(near.coarse > values[0] - literal(ROUNDING, Double), exact)
    return exact


def value_of(word: str, field: Field, value: Value) -> ColumnElement[Any]:
    """Return a value as the parameter that its word is compared with. Raises SearchValueRefused."""
    refused = SearchValueRefused(word=word, kind=field.kind, value=repr(value)[:60])
    if field.kind is Kind.FLAG:
        if isinstance(value, bool):
            return literal(value)
        raise refused
    if isinstance(value, bool):
        raise refused
    if field.kind is Kind.NUMBER:
        if isinstance(value, str):
            raise refused
        is_whole = isinstance(value, int) and abs(value) <= LARGEST
        return literal(value) if is_whole else literal(float_of(value, refused), Double)
    if not isinstance(value, str):
        raise refused
    return literal(value) if field.kind is Kind.TEXT else literal(time_of(value, refused))


def float_of(value: float, refused: SearchValueRefused) -> float:
    """Return a number as the server takes it. Raises what is given for one that is too large."""
    try:
        return float(value)
    except OverflowError:
        raise refused from None


def time_of(text: str, refused: SearchValueRefused) -> datetime:
    """Return a time that is written as ISO 8601 has it; without a zone it is UTC."""
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        raise refused from None
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def unknown(word: str) -> SearchWordUnknown:
    """Return the error of a word that there is not, with those that there are."""
    near = get_close_matches(word, FIELDS, n=1)
    hint = f", did you mean {near[0]!r}" if near else ""
    return SearchWordUnknown(word=word, hint=hint, words=", ".join(FIELDS))
