"""What all parts of `Registry` share: an engine, and questions that see one moment."""

from collections.abc import Callable
from importlib.metadata import version
from typing import TypeVar

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from registry.database.transactions import answer_of

T = TypeVar("T")

TOOL_VERSION = version("weight-registry")


class Room:
    """A part of `Registry`: the methods of one subject."""

    _engine: Engine

    def _answer(self, question: Callable[[Session], T]) -> T:
        """Return what a function reads in a session of its own."""
        return answer_of(self._engine, question)
