"""registry.report.checks: annotations of GitHub and JUnit's XML, whatever names hold."""

import xml.etree.ElementTree as ET

import pytest

from registry.report.checks import Check, Outcome, annotation, junit

HOSTILE = "a%0A,b:c\n::error::x\r\x1b]0;t\u202e<&>\"'\x00\ufffe\ud800"


@pytest.mark.parametrize(
    ("outcome", "word"),
    [
        (Outcome.PASSED, "notice"),
        (Outcome.OPEN, "warning"),
        (Outcome.FAILED, "error"),
        (Outcome.BROKEN, "error"),
    ],
)
def test_annotations(outcome, word):
    """Each is one line: the word, where it is shown, a title, and what was found."""
    check = Check("m", outcome, "a title", "what", "models/x/README.md", 3)
    assert annotation(check) == f"::{word} file=models/x/README.md,line=3,title=a title::what"
    assert annotation(Check("m", outcome, "a", "what")) == f"::{word} title=a::what"


def test_names_give_no_commands():
    """What would end a property, the line or the command is written as GitHub reads it back."""
    text = annotation(Check(HOSTILE, Outcome.FAILED, HOSTILE, HOSTILE, HOSTILE))
    assert text.isprintable()
    properties, _, message = text.removeprefix("::error ").partition("::")
    assert properties.count(",") == 1
    assert properties.startswith("file=a%250A%2Cb%3Ac")
    assert message.startswith("a%250A,b:c\\n::error::x")


def test_junit():
    """Counts and cases are those of the checks, and any name is XML."""
    checks = [
        Check("one", Outcome.PASSED, "t", "fine", seconds=1.25),
        Check("two", Outcome.OPEN, "t", "who knows"),
        Check("three", Outcome.FAILED, "t", "no"),
        Check(HOSTILE, Outcome.BROKEN, HOSTILE, HOSTILE * 200),
    ]
    [suite] = ET.fromstring(junit(checks, "identify"))
    assert {key: suite.get(key) for key in ("tests", "failures", "errors", "time")} == {
        "tests": "4",
        "failures": "2",
        "errors": "1",
        "time": "1.250",
    }
    kinds = [(case.get("classname"), case[0].tag, case[0].get("type")) for case in suite]
    assert kinds == [
        ("registry.identify", "system-out", None),
        ("registry.identify", "failure", "open"),
        ("registry.identify", "failure", "failed"),
        ("registry.identify", "error", "broken"),
    ]
    assert len(suite[3][0].text) <= 2000
    assert ET.fromstring(junit([], "run 3"))[0].get("tests") == "0"
