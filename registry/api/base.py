"""What all parts of `Registry` share: an engine, and questions that see one moment."""

from typing import TYPE_CHECKING, TypeVar

from registry.database.connecting.transactions import answer_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Engine
    from sqlalchemy.orm import Session

T = TypeVar("T")


class Room:
    """A part of `Registry`: the methods of one subject."""

    _engine: "Engine"

    def _answer(self, question: "Callable[[Session], T]") -> T:
        """Return what a function reads in a session of its own."""
        return answer_of(self._engine, question)
