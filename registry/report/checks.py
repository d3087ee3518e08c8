"""Verdicts as checks of a pipeline: annotations of GitHub, and JUnit's XML. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from xml.sax.saxutils import escape, quoteattr

from registry.legible import glimpse, legible

LONGEST = 2000  # characters of a message
SUITE = "registry"
PROPERTY = {"%": "%25", "\r": "%0D", "\n": "%0A", ":": "%3A", ",": "%2C"}
"""What GitHub reads as the end of a property, or of the line, and how it is written."""
MESSAGE = {mark: PROPERTY[mark] for mark in ("%", "\r", "\n")}


class Outcome(StrEnum):
    """What became of a check."""

    PASSED = "passed"
    OPEN = "open"
    """Nothing decides, or no model is named."""
    FAILED = "failed"
    """The weights contradict what is claimed."""
    BROKEN = "broken"
    """It could not be made."""


ANNOTATIONS = {
    Outcome.PASSED: "notice",
    Outcome.OPEN: "warning",
    Outcome.FAILED: "error",
    Outcome.BROKEN: "error",
}
"""GitHub's words."""


@dataclass(frozen=True)
class Check:
    """One check.

    Attributes:
        source: What was looked at.
        outcome: What became of it.
        title: That in a few words.
        message: What was found.
        file: Where an annotation is shown; None for nowhere.
        line: Of the file, from 1 on.
        seconds: How long it took.
    """

    source: str
    outcome: Outcome
    title: str
    message: str
    file: str | None = None
    line: int | None = None
    seconds: float = 0.0


def annotation(check: Check) -> str:
    """Return a check as a command of GitHub's workflows, which shows it where the file is."""
    values = {"file": check.file, "line": check.line, "title": check.title}
    properties = []
    for key, value in values.items():
        if value is not None:
            properties.append(f"{key}={marked(str(value), PROPERTY)}")
    message = marked(glimpse(check.message, LONGEST), MESSAGE)
    return f"::{ANNOTATIONS[check.outcome]} {','.join(properties)}::{message}"


def marked(text: str, marks: dict[str, str]) -> str:
    """Return text on one line, with the characters that act there written otherwise."""
    return "".join(marks.get(character, character) for character in legible(text))


def junit(checks: Sequence[Check], name: str) -> str:
    """Return checks as JUnit's XML, a test case each."""
    broken = sum(check.outcome is Outcome.BROKEN for check in checks)
    passed = sum(check.outcome is Outcome.PASSED for check in checks)
    counts = {
        "name": name,
        "tests": len(checks),
        "failures": len(checks) - broken - passed,
        "errors": broken,
        "time": f"{sum(check.seconds for check in checks):.3f}",
    }
    lines = ['<?xml version="1.0" encoding="UTF-8"?>', "<testsuites>"]
    lines.append(f"  <testsuite{attributes(counts)}>")
    for check in checks:
        lines += case_lines(check, name)
    lines += ["  </testsuite>", "</testsuites>"]
    return "\n".join(lines) + "\n"


def case_lines(check: Check, suite: str) -> list[str]:
    """Return the lines of one test case."""
    named = {"classname": f"{SUITE}.{suite}", "name": check.source, "time": f"{check.seconds:.3f}"}
    message = glimpse(check.message, LONGEST)
    if check.outcome is Outcome.PASSED:
        inner = f"<system-out>{escape(message)}</system-out>"
    else:
        tag = "error" if check.outcome is Outcome.BROKEN else "failure"
        about = attributes({"message": check.title, "type": str(check.outcome)})
        inner = f"<{tag}{about}>{escape(message)}</{tag}>"
    return [f"    <testcase{attributes(named)}>", f"      {inner}", "    </testcase>"]


def attributes(values: Mapping[str, object]) -> str:
    """Return attributes of an element, each after a space."""
    return "".join(f" {key}={quoteattr(legible(value))}" for key, value in values.items())
