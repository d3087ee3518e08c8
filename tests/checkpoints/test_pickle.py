"""registry.checkpoints.formats.pickle."""

import argparse
import collections
import datetime as dt
import enum
import functools
import os
import pathlib
import pickle
import subprocess
import sys
import types
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch

from registry.checkpoints.blob import LocalBlob
from registry.checkpoints.formats.pickle import read_pickle as read_blob
from registry.errors import BrokenFile, FormatNotRead, UnsafePickle


@dataclass
class TrainingConfig:
    """What a training script leaves in its checkpoints."""

    width: int = 3


class Evil:
    """Runs a command when it is unpickled the careless way."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self):
        return os.system, (f"touch '{self.mark}'",)


def read_pickle(path):
    return read_blob(LocalBlob(path, path.name))


def saved(tmp_path: Path, content: object, **options: object) -> Path:
    path = tmp_path / "model.pt"
    torch.save(content, path, **options)
    return path


def tensors(path: Path) -> dict[str, torch.Tensor]:
    return {entry.name: entry.load() for entry in read_pickle(path)}


@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "legacy"])
def test_tensors_read_back(tmp_path, zipped):
    """Values, views, strides and shared storages survive, in both formats."""
    base = torch.randn(6, 8)
    state = {
        "a": base,
        "view": base[2:5, 1::2],
        "t": base.T,
        "half": base.bfloat16(),
        "none": torch.empty(0, 3),
    }
    found = tensors(saved(tmp_path, state, _use_new_zipfile_serialization=zipped))
    assert set(found) == set(state)
    assert all(torch.equal(found[name], state[name]) for name in state)


@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "legacy"])
@pytest.mark.parametrize(
    "wrap",
    [
        lambda sd: sd,
        lambda sd: {"model": sd, "iter_num": 3, "best_val_loss": 1.5},
        lambda sd: {"state": {"net": sd}, "epoch": 1},
        lambda sd: {
            "model": sd,
            "optimizer": {"state": {0: {"exp_avg": torch.ones(9, 9)}}, "param_groups": []},
        },
        lambda sd: {"model": sd, "model_ema": {k: v + 1 for k, v in sd.items()}},
        lambda sd: {"model": sd, "args": argparse.Namespace(lr=1)},
        lambda sd: {"model": sd, "config": TrainingConfig()},
    ],
    ids=["plain", "nanoGPT", "nested", "optimizer", "average", "namespace", "dataclass"],
)
def test_the_state_dict_is_found(tmp_path, wrap, zipped):
    """However a script wraps it: optimiser states, averages and pickled settings are left aside."""
    state = {"layers.0.w": torch.randn(4, 4), "layers.0.b": torch.randn(4)}
    found = tensors(saved(tmp_path, wrap(state), _use_new_zipfile_serialization=zipped))
    assert sorted(name.split("layers")[1] for name in found) == [".0.b", ".0.w"]
    assert all(
        torch.equal(found[name], state["layers" + name.split("layers")[1]]) for name in found
    )


def test_a_whole_module(tmp_path):
    """A pickled module is read like its state dict, without its class."""
    module = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Sequential(torch.nn.LayerNorm(4)))
    found = tensors(saved(tmp_path, module))
    assert {name: t.tolist() for name, t in found.items()} == {
        n: t.tolist() for n, t in module.state_dict().items()
    }


def test_nothing_runs(tmp_path):
    """A pickle that calls a function is refused by its name, and the function is not called."""
    mark = tmp_path / "mark"
    with pytest.raises(UnsafePickle, match=r"model.pt.*asks for 'posix.system'"):
        read_pickle(saved(tmp_path, {"a": torch.ones(2), "b": Evil(mark)}))
    with pytest.raises(UnsafePickle, match="'posix.system'"):
        read_pickle(
            saved(
                tmp_path,
                {"a": torch.ones(2), "b": Evil(mark)},
                _use_new_zipfile_serialization=False,
            )
        )
    assert not mark.exists()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"hello",
        b"garbage" * 50,
        b"<html>",
        b"PK\x03\x04" + bytes(50),
        b"\x80\x02}q\x00.",
        bytes(1000),
    ],
    ids=range(7),
)
def test_not_a_pickle(tmp_path, content):
    """Anything else is one BrokenFile in our own words, without torch's advice to read it unsafely."""
    path = tmp_path / "x.bin"
    path.write_bytes(content)
    with pytest.raises(
        BrokenFile, match=r"x\.bin' is damaged .* \(it(s zip archive)? is [a-z ]+\); fetch"
    ) as caught:
        tensors(path)
    assert "weights_only" not in str(caught.value)


@pytest.mark.parametrize("share", [0.3, 0.9, 0.999])
def test_a_truncated_pickle(tmp_path, share):
    """An upload that was cut off is one BrokenFile."""
    path = saved(tmp_path, {"a": torch.randn(200, 200), "b": torch.randn(50, 50)})
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(BrokenFile, match=r"model\.pt' is damaged"):
        read_pickle(path)


def test_cuda_storages_need_no_cuda(data):
    """A checkpoint that was saved from a GPU opens without one."""
    [path] = data.glob("checkpoints/saltyduckegg*/ckpt.pt")
    found = {entry.name: entry for entry in read_pickle(path)}
    assert found["model.layers.0.attention.wq.weight"].load().shape == (64, 64)
    assert not any("optimizer" in name for name in found)


def test_equal_to_torch_load(data):
    """On real checkpoints every tensor equals torch's own."""
    [path] = data.glob("checkpoints/lmj9*/model.pt")
    expected = torch.load(path, weights_only=True)
    found = tensors(path)
    assert set(found) == set(expected)
    assert all(torch.equal(found[name], expected[name]) for name in expected)


class Stage(enum.Enum):
    """A setting of a training script, which pickles as a call of its class."""

    LAST = 1


class Settings(dict):
    """A table of a training script, which pickles item by item."""


class Call:
    """Has a callable called when it is unpickled the careless way."""

    def __init__(self, callable_: object, *arguments: object) -> None:
        self.called = (callable_, arguments)

    def __reduce__(self):
        return self.called


LEFT_BY_TRAINERS = {
    "numpy-number": np.float64(1.5),
    "numpy-array": np.arange(5),
    "numpy-state": np.random.RandomState(0).get_state(),
    "path": pathlib.PurePosixPath("/data/x"),
    "namespace": argparse.Namespace(lr=np.float32(1.0)),
    "defaultdict": collections.defaultdict(list, loss=[1.0]),
    "date": dt.datetime(2024, 1, 1, tzinfo=dt.UTC),
    "enum": Stage.LAST,
    "own-table": Settings(width=3),
    "set": {1, 2},
    "partial": functools.partial(print, 1),
}


@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "legacy"])
@pytest.mark.parametrize("left", LEFT_BY_TRAINERS.values(), ids=LEFT_BY_TRAINERS)
def test_values_beside_the_model_run_nothing(tmp_path, left, zipped):
    """Numbers, paths, dates, enums and tables beside a model become stand-ins; the model is read."""
    if b"getattr" in pickle.dumps(left, protocol=2):
        pytest.skip("this Python's pickles ask for getattr to make an enum, which is refused")
    content = {"model": {"a": torch.ones(2, 2)}, "left": left}
    path = saved(tmp_path, content, _use_new_zipfile_serialization=zipped)
    assert tensors(path)["model.a"].tolist() == [[1, 1], [1, 1]]


@pytest.mark.parametrize(
    ("called", "name"),
    [
        (eval, "builtins.eval"),
        (getattr, "builtins.getattr"),
        (subprocess.Popen, "subprocess.Popen"),
    ],
    ids=["eval", "getattr", "process"],
)
def test_what_could_run_code_is_named(tmp_path, called, name):
    """A function, and a class of the standard library that starts processes, are refused by name."""
    path = saved(tmp_path, {"a": torch.ones(2), "b": Call(called, "1")})
    with pytest.raises(UnsafePickle, match=f"asks for '{name}'"):
        read_pickle(path)


def test_arrays_in_the_place_of_tensors(tmp_path):
    """A pickle whose weights are numpy arrays is named as one, with what to do."""
    path = saved(tmp_path, {"layers.0.w": np.ones((3, 4))})
    with pytest.raises(FormatNotRead, match=r"numpy arrays.*save its arrays as a safetensors"):
        read_pickle(path)


def test_a_librarys_own_tensors_are_named(tmp_path, monkeypatch):
    """A tensor of a class that only its library can build is refused by the library's name."""
    library = types.ModuleType("torchao.dtypes")
    quantised = type("Quantised", (), {"__module__": "torchao.dtypes"})
    library.Quantised = quantised
    monkeypatch.setitem(sys.modules, "torchao", types.ModuleType("torchao"))
    monkeypatch.setitem(sys.modules, "torchao.dtypes", library)
    sizes = ((2, 2), (2, 1), 0, torch.strided, torch.device("cpu"), False)
    rebuilt = Call(
        torch._tensor._rebuild_from_type_v2,
        torch._utils._rebuild_wrapper_subclass,
        quantised,
        (quantised, torch.float32, *sizes),
        {},
    )
    path = saved(tmp_path, {"a": rebuilt})
    monkeypatch.undo()
    with pytest.raises(FormatNotRead, match=r"torchao's quantised tensors.*give the model in bf16"):
        read_pickle(path)
