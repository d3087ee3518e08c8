"""registry.fingerprints.device."""

import pytest
import torch
from threadpoolctl import threadpool_info

from registry.errors import DeviceUnavailable
from registry.fingerprints import device
from registry.fingerprints.device import CPU, Device, chosen, cores, gathering, one_thread_each


def limits() -> list[int]:
    return [
        torch.get_num_threads(),
        *(pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"),
    ]


def test_auto_takes_what_is_there(monkeypatch):
    """CUDA where there is a driver and torch sees a GPU, else the CPU."""
    monkeypatch.setattr(device, "DRIVERS", ("/",))
    for seen, expected in ((False, "cpu"), (True, "cuda")):
        monkeypatch.setattr(torch.cuda, "is_available", lambda seen=seen: seen)
        assert chosen("auto") == Device(expected)
    monkeypatch.setattr(device, "DRIVERS", ())
    assert chosen("auto") == chosen("cpu") == CPU


@pytest.mark.parametrize(
    ("name", "count", "reason"),
    [
        ("cuda", 0, "torch sees are 0"),
        ("cuda:2", 2, "torch sees are 2"),
        ("tpu", 1, "torch knows no such device"),
        ("meta", 1, "neither a CPU nor a CUDA GPU"),
        ("", 1, "torch knows no such device"),
    ],
)
def test_devices_that_are_not_there(monkeypatch, name, count, reason):
    """One sentence says so."""
    monkeypatch.setattr(torch.cuda, "device_count", lambda: count)
    with pytest.raises(
        DeviceUnavailable,
        match=rf"^The device '{name}' cannot be used \(.*{reason}.*\); give auto, ",
    ):
        chosen(name)


def test_a_gpu_that_is_there(monkeypatch):
    """By its number, or the first."""
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert [str(chosen(name)) for name in ("cuda", "cuda:1")] == ["cuda", "cuda:1"]
    assert chosen("cuda:1").torch == torch.device("cuda:1")


def test_libraries_keep_to_one_thread():
    """While it lasts, and whatever happens in it."""
    before, during = limits(), []

    def fail() -> None:
        with one_thread_each():
            during.extend(limits())
            raise OSError("no")

    with pytest.raises(OSError, match="no"):
        fail()
    assert (set(during), limits()) == ({1}, before)


def test_the_cpu_gathers_nothing():
    """A matrix is computed while it is in the cache."""
    assert gathering(CPU, 4) == 0
    assert cores() >= 1
