"""registry.fingerprints.options."""

import pytest

from registry.errors import DeviceUnavailable, UnknownRank
from registry.fingerprints.device import CPU, cores
from registry.fingerprints.options import MeasureOptions, measure_options


def test_what_is_left_open_is_chosen():
    """A thread for every core; a CPU gathers no batches."""
    options = measure_options(64, None, "cpu", prove=True)
    assert options == MeasureOptions(64, CPU, cores(), 0, prove=True)
    assert measure_options(16, 3, "cpu", prove=False).threads == 3


def test_what_there_is_not():
    """Another rank, and another device."""
    with pytest.raises(UnknownRank, match="rank 17; give one of 16, 64, 256"):
        measure_options(17, None, "cpu", prove=False)
    with pytest.raises(DeviceUnavailable, match="The device 'tpu' cannot be used"):
        measure_options(16, None, "tpu", prove=False)
