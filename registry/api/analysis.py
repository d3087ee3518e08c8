"""The part of `Registry` on SQL by analysts."""

from dataclasses import dataclass
from typing import Any

from registry.api.base import Room


@dataclass(frozen=True)
class Rows:
    """What a query answers.

    columns: their names. rows: numbers, text, times as Python has them, vectors as lists.
    """

    columns: tuple[str, ...]
    rows: list[tuple[Any, ...]]


class Analysis(Room):
    """Methods of `Registry`."""

    def sql(self, query: str, *values: object) -> Rows:
        """Return what an analyst's query answers: it finds schema `registry` and changes nothing.

        values: stand where the query has %s. Raises QueryFailed.
        """
        from registry.database.keeping import analysis  # noqa: PLC0415  # a query alone pays for it
        from registry.database.keeping.statements import Statement  # noqa: PLC0415

        statement = Statement(query, 0)
        with analysis.session_on(self._engine) as session:
            answer = analysis.answer(session, statement, query, values or None)
            names = tuple(column.name for column in answer.columns)
            return Rows(names, list(answer.rows))
