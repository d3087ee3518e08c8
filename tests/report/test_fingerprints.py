"""registry.report.fingerprints: fingerprints and inspections as tables and JSON."""

from dataclasses import replace
from itertools import chain

import pytest
import records_made
from checkpoints_made import llama, write_folder
from places import EXAMPLES
from rich.console import Console

import registry
from registry.architectures.inspection import inspect
from registry.architectures.roles import PROJECTIONS
from registry.fingerprints import serialised
from registry.fingerprints.record import Adapter
from registry.report.fingerprints import (
    by_projection,
    fingerprint_json,
    fingerprint_table,
    inspection_table,
    notes,
    places,
)


@pytest.fixture(scope="module")
def tiny():
    return registry.fingerprint(EXAMPLES / "llama-tiny", rank=16)


def text_of(renderable) -> str:
    console = Console(width=120)
    with console.capture() as capture:
        console.print(renderable)
    return capture.get()


def test_a_row_for_every_projection(tiny):
    """Matrices, std, its share of the largest, and the share in query's cluster."""
    text = text_of(fingerprint_table(tiny, "tiny"))
    assert text.startswith("tiny: LlamaForCausalLM, 3 layers x 48, 88.7k parameters")
    rows = [line.split() for line in text.splitlines() if line.split()[:1] == ["query"]]
    assert rows[0][1] == "3"
    assert "1.000" in text
    assert "cluster r=16" in text


def test_notes_tell_what_to_beware_of(tiny):
    """One line each, and none where all is well."""
    assert notes(tiny) == []
    first = tiny.matrices[0]
    shorter = replace(first, singular_values=first.singular_values[:3], bounds=None)
    odd = replace(
        tiny,
        nonfinite=3,
        matrices=(shorter, *tiny.matrices[1:]),
        unknown=("u1", "u2", "u3", "u4"),
        zero=("z1",),
        clusterings=(replace(tiny.clusterings[0], undetermined=(0,)),),
    )
    what = "labels at rank 16 that are not certain within the errors of the singular values"
    assert notes(odd) == [
        "3 NaN or infinite weights were left out",
        "1 matrices have fewer singular values than the largest rank; all of theirs are used",
        f"{what}: layer 0 {first.projection}",
        "how exact the singular values are was not recorded; ingest the model with a larger --rank",
        "4 tensors of unknown names were left out of the vectors: u1, u2, u3",
        "1 matrices hold nothing but zeros and were left out: z1",
    ]


def test_an_adapter_whose_base_was_changed(tiny):
    """A delta that began as a part of the base is no difference from it, and is told so."""
    adapter = Adapter("lora+rslora+pissa", 4, (), (), ())
    [note] = notes(replace(tiny, adapter=adapter))
    assert note.startswith("it began with pissa, which took a part out of the base")
    assert notes(replace(tiny, adapter=replace(adapter, method="lora+rslora+dora"))) == []


def test_labels_by_projection(tiny):
    """All seven projections are keys, labels in the order of layers."""
    labels = by_projection(tiny, range(len(tiny.matrices)))
    assert list(labels) == list(PROJECTIONS)
    assert sorted(chain(*labels.values())) == list(range(len(tiny.matrices)))
    assert places(tiny, None) is None
    assert places(tiny, [0])[0]["layer"] == 0


def test_clusterings_by_rank(tiny):
    """Every key of a clustering is an object by rank."""
    answer = fingerprint_json(tiny)
    for key in ("clustering", "labels", "labels_k3", "inertia", "margin", "undetermined"):
        assert list(answer[key]) == ["16"]


def test_an_inspection_names_the_scheme():
    """Also where no name was recognised."""
    inspection = inspect(EXAMPLES / "llama-tiny")
    assert "3 layers, tensor naming scheme: llama" in text_of(inspection_table(inspection))
    unnamed = replace(inspection, naming=None, declared_base="org/base")
    text = text_of(inspection_table(unnamed))
    assert "tensor naming scheme: unknown" in text
    assert "declared base org/base" in text


def test_other_tensors_by_group(tiny):
    """JSON counts the tensors outside the projections of each group, and says what was zero and tied."""
    answer = fingerprint_json(records_made.whole(tiny))
    assert answer["tensors"] == {"embedding": 1, "norm": 1, "other": 1}
    assert answer["zero"] == ("layers.3.up.weight", "layers.3.down.weight")
    assert answer["tied"] is True


def test_what_was_not_found_is_null(tmp_path):
    """Without a gate its numbers are null in the JSON and in the record, which reads back equal."""
    tensors = {name: t for name, t in llama().items() if "gate_proj" not in name}
    fingerprint = registry.fingerprint(write_folder(tmp_path, tensors), rank=16)
    content = fingerprint_json(fingerprint)
    assert content["std"]["gate"] is None
    assert content["std"]["up"] > 0
    assert content["std_vector"][4] is None
    assert content["clustering"]["16"][4] is None
    record = serialised.to_json(fingerprint)
    assert record["fingerprint"]["std"][4] is None
    assert serialised.from_json({"record": record}, "x.json") == fingerprint
    assert "not found: gate" in notes(fingerprint)
    assert sum(line["tensors"] for line in content["ledger"]) == len(tensors)
