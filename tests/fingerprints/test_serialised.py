"""registry.fingerprints.serialised: a fingerprint as JSON, and back."""

import copy
import json
from dataclasses import replace

import models_made as made
import pytest
import records_made
import torch
from adapters_made import write_adapter
from checkpoints_made import write_folder

import registry
from registry.errors import BrokenFingerprintFile, FingerprintVersionDiffers
from registry.fingerprints.record import VERSION
from registry.fingerprints.serialised import from_json, to_json


@pytest.fixture(scope="module")
def fingerprint(tmp_path_factory):
    """The fingerprint of a model with all kinds of sketches."""
    folder = write_folder(tmp_path_factory.mktemp("m") / "m", made.grown())
    return records_made.whole(registry.fingerprint(folder))


@pytest.fixture
def content(fingerprint):
    """What a file of it holds, as JSON gives it back."""
    return json.loads(json.dumps({"record": to_json(fingerprint)}, allow_nan=False))


def test_a_model_reads_back_equal(fingerprint, content):
    """Every number, text and None of a model's record survives JSON."""
    assert fingerprint.branches
    assert fingerprint.spaces
    assert fingerprint.start
    assert fingerprint.histograms
    assert from_json(content, "x.json") == fingerprint


def test_what_an_older_file_lacks(fingerprint, content):
    """Fields that came later may be missing; they read as none."""
    record = content["record"]["fingerprint"]
    for name in ("tensors", "zero", "tied"):
        del record[name]
    del record["branches"][0]["own"]
    branches = (replace(fingerprint.branches[0], own=None), *fingerprint.branches[1:])
    older = replace(fingerprint, branches=branches, tensors=(), zero=(), tied=None)
    assert from_json(content, "x.json") == older


def test_an_adapter_reads_back_equal(tmp_path):
    """Of an adapter too, which has no start but what only adapters have."""
    factors = {f"layers.0.self_attn.q_proj.lora_{x}.weight": torch.eye(4) for x in "AB"}
    adapter = registry.fingerprint(write_adapter(tmp_path / "adapter", factors))
    text = json.dumps({"record": to_json(adapter)}, allow_nan=False)
    assert adapter.adapter is not None
    assert from_json(json.loads(text), "x.json") == adapter


def test_numbers_without_a_point_are_floats(fingerprint, content):
    """Another program may write 1.0 as 1; what is read is a float all the same."""
    content["record"]["fingerprint"]["std"] = [1] * 7
    assert set(map(type, from_json(content, "x.json").std)) == {float}


def test_another_version_says_so(content):
    """Numbers of another fingerprint version are refused as such, whatever else they look like."""
    content["record"]["fingerprint"] = {"version": VERSION + 1, "new": "field"}
    with pytest.raises(FingerprintVersionDiffers, match=f"'x.json' .* of version {VERSION + 1}"):
        from_json(content, "x.json")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ([], "not a JSON object"),
        ({"digest": "0"}, "no key 'record'"),
        ({"record": {"format": 9}}, "has the format 9, not 1"),
        ({"record": {"format": 1}}, "has no fingerprint"),
        ({"record": {"format": 1, "fingerprint": {}}}, "the fingerprint lacks 'version'"),
    ],
    ids=["array", "without a record", "format", "without a fingerprint", "empty"],
)
def test_what_is_no_fingerprint(content, reason):
    """Other JSON is one sentence that says what is missing."""
    with pytest.raises(BrokenFingerprintFile, match=reason):
        from_json(content, "x.json")


@pytest.mark.parametrize(
    ("place", "value", "reason"),
    [
        (("digest",), "xyz", "digest is not a SHA-256"),
        (("digest",), 5, "digest holds 5, which is not a text"),
        (("layers",), -1, "layers holds -1, which is not a count"),
        (("layers",), True, "layers holds True, which is not a count"),
        (("rank",), 17, "rank is 17"),
        (("std",), 1.0, "std is not an array"),
        (("std",), [1.0], "std has 1 entries, not 7"),
        (("std",), [0.0] * 7, "std is not positive"),
        (("std", 0), float("inf"), "which is not a finite number"),
        (("std", 0), "1", "which is not a finite number"),
        (("std", 0), 10**400, "std holds a number above 1e.100, which no weights give"),
        (("matrices", 0, "singular_values", 0), 1e200, "singular_values holds a number above"),
        (("branches", 0, "layer"), 10**30, "layer holds 1000.*, which is not a count"),
        (("projections", 0), "nonsense", "projections has an unknown name"),
        (("matrices",), [], "matrices is empty"),
        (("matrices", 0, "projection"), "nonsense", "is of no known projection"),
        (("matrices", 0, "singular_values"), [], "has 0 singular values"),
        (("matrices", 0, "singular_values", 0), 0.0, "singular values that do not fall"),
        (("matrices", 0, "bounds"), [1.0], "bounds has 1 entries"),
        (("matrices", 0, "sketch"), [1.0], "sketch has 1 entries, not 324"),
        (("matrices", 0, "digest"), "0", "has a digest that is not a SHA-256"),
        (("clusterings",), [], "clusterings are of the ranks"),
        (("clusterings", 0, "labels"), [1], "labels has 1 entries"),
        (("clusterings", 0, "labels", 0), 2, "labels has one that is not 0 or 1"),
        (("clusterings", 0, "labels3", 0), 3, "labels3 has one that is not 0, 1 or 2"),
        (("clusterings", 0, "undetermined"), [10**6], "undetermined names a matrix too many"),
        (("branches", 0, "branch"), "nose", "'nose' is no branch"),
        (("branches", 0, "stream"), [1.0], "stream has 1 entries, not 256"),
        (("branches", 0, "own"), [1.0], "own has 1 entries, not 576"),
        (("tensors", 0, "group"), "", "the tensor 'embed.weight' is of no group"),
        (("tensors", 0, "shape", 0), -1, "shape holds -1, which is not a count"),
        (("tensors", 0, "length"), -1.0, "'embed.weight' has a length below zero"),
        (("tensors", 0, "digest"), "0", "'embed.weight' has a digest that is not a SHA-256"),
        (("tensors", 0, "cast_digest"), "0", "has a cast_digest that is not a SHA-256"),
        (("tensors", 0, "sketch"), [1.0], "sketch has 1 entries, not 16"),
        (("zero", 0), 1, "zero holds 1, which is not a text"),
        (("tied",), 1, "tied holds 1, which is not true or false"),
        (("spaces", 0, "side"), "nose", "'nose' is no side"),
        (("spaces", 0, "sketch"), [1.0], "sketch has 1 entries, not 136"),
        (("start",), [1.0], "start has 1 entries, not 256"),
        (("adapter",), 3, "adapter is not an object"),
        (("surprise",), 3, "the unknown key 'surprise'"),
    ],
    ids=lambda value: ".".join(map(str, value)) if isinstance(value, tuple) else None,
)
def test_a_broken_record(content, place, value, reason):
    """Wrong types, lengths, ranges and names are refused with the place named, before anything compares them."""
    broken = copy.deepcopy(content)
    inner = broken["record"]["fingerprint"]
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = value
    with pytest.raises(BrokenFingerprintFile, match=reason):
        from_json(broken, "x.json")


def test_every_missing_field_is_named(content):
    """A record without one of the fields that have no default says which."""
    del content["record"]["fingerprint"]["matrices"][0]["tensor"]
    with pytest.raises(BrokenFingerprintFile, match="matrices lacks 'tensor'"):
        from_json(content, "x.json")
