"""Notices: what is said while the work goes on."""

import logging
import re

import pytest

from registry.notices import LOGGER, Notice, WriterWaits, notify

KINDS = Notice.__subclasses__()


class Anything:
    """A value that fits every format of a sentence."""

    def __format__(self, _: str) -> str:
        return "1"


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_notice_is_one_sentence(kind):
    """Every notice is one sentence on one line."""
    names = re.findall(r"{(\w+)", kind.__doc__)
    sentence = str(kind(**dict.fromkeys(names, Anything())))
    assert sentence.endswith(".")
    assert "\n" not in sentence


def test_notice_goes_to_the_logger(caplog):
    """A program that uses the registry hears of a wait through its logger."""
    with caplog.at_level(logging.WARNING, LOGGER.name):
        notify(WriterWaits(holder="registry ingest, process 7"))
    expected = (
        "Waiting for another command that writes to the registry (registry ingest, process 7)."
    )
    assert caplog.messages == [expected]
