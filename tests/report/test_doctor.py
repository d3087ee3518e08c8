"""registry.report.doctor: what is wrong with the database, in English."""

import pytest

from registry.database.keeping.ailments import Ailment, Finding
from registry.report.doctor import (
    HEALTHY,
    MENDED,
    REMEDIES,
    WRONG,
    finding_line,
    findings_json,
    findings_lines,
)


@pytest.mark.parametrize("ailment", Ailment, ids=lambda ailment: ailment.name)
def test_every_ailment_has_words(ailment):
    """What is wrong, and either how it is mended or what to do; the sentence of an error has its own."""
    assert ailment in WRONG
    is_error = ailment in {Ailment.UNUSABLE, Ailment.WAITING_BROKEN}
    ways = [ailment in MENDED, ailment in REMEDIES, is_error]
    assert sum(ways) == 1


def test_lines():
    """First what is wrong, then what was done or is to do."""
    finding = Finding(Ailment.NO_KEEPER, "7", mended=True)
    assert finding_line(finding) == (
        "the server, process 7, has nobody to stop it: it has a keeper again"
    )
    assert finding_line(Finding(Ailment.NO_KEEPER, "7")).endswith("without --dry-run")
    assert finding_line(Finding(Ailment.VERSION_OLD, "1", detail="4")) == (
        "4 fingerprints of version 1 are not compared: run `registry upgrade`"
    )
    assert findings_lines([]) == [HEALTHY]


def test_json():
    """Healthy is what has nothing wrong that was not mended."""
    mended = Finding(Ailment.FAMILY_EMPTY, "f", mended=True)
    assert findings_json([mended])["healthy"] is True
    content = findings_json([mended, Finding(Ailment.MODEL_HALF, "m")])
    assert content["healthy"] is False
    assert content["findings"][1]["ailment"] == "model without all of its rows"
