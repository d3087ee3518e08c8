"""registry.lineage.direction_errors: how often each reason gave the wrong direction."""

import pytest

from registry.lineage.descent import DirectionReason
from registry.lineage.direction_errors import measured, measured_error


@pytest.mark.parametrize("reason", DirectionReason)
def test_every_reason_was_measured(reason):
    """No error is claimed that is smaller than one more wrong one would be."""
    counts = measured()[str(reason)]
    assert 0 <= counts["wrong"] <= counts["given"]
    assert measured_error(reason) == (counts["wrong"] + 1) / (counts["given"] + 1)
