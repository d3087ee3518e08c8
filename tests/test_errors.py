"""Error messages are written once, as docstrings."""

import inspect
import re
from collections.abc import Iterator

import pytest

from registry.errors import BrokenFile, RegistryError


def tree(root: type[RegistryError]) -> Iterator[type[RegistryError]]:
    yield root
    for child in root.__subclasses__():
        yield from tree(child)


class Anything:
    """A value that fits every format of a sentence."""

    def __format__(self, _: str) -> str:
        return "1"

    def __repr__(self) -> str:
        return "'1'"


CONCRETE = [
    kind for kind in tree(RegistryError) if inspect.cleandoc(kind.__doc__ or "") != "{reason}"
]


@pytest.mark.parametrize("kind", CONCRETE, ids=lambda kind: kind.__name__)
def test_message_is_one_sentence(kind):
    """Every error is one sentence that names its thing with quotes or a flag and tells what to do."""
    fields = re.findall(r"{(\w+)", kind.__doc__)
    message = str(kind(**dict.fromkeys(fields, Anything())))
    assert message.endswith((".", "?"))
    assert "\n" not in message
    assert re.search(r"[;:?]|: use|`", message), message


def test_a_sentence_acts_on_nothing():
    """Whatever a field holds, with quotes or without, the sentence is one legible line of some length."""
    hostile = "a\x1b[2J\n\u202e" * 10_000
    sentence = str(BrokenFile(path=hostile, reason=ValueError(hostile)))
    assert sentence.isprintable()
    assert len(sentence) < 10_000
    assert BrokenFile(path=hostile, reason="").data["path"] == hostile


def test_data_are_attributes():
    """What the sentence was filled with stays readable."""
    error = BrokenFile(path="x.bin", reason="it is empty")
    assert error.data == {"path": "x.bin", "reason": "it is empty"}
    assert (
        str(error) == "'x.bin' is damaged or not what its name says (it is empty); fetch it again."
    )
