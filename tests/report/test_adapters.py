"""registry.report.adapters: adapters beside each other, and what an initialisation wrote."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from places import EXAMPLES
from rich.console import Console

import registry
from registry.fingerprints.record import Adapter
from registry.lineage.adapter_comparison import ComparedAdapter
from registry.lora_init.initialisation import Initialised, OutputShift
from registry.report.adapters import (
    AdapterReport,
    adapters_json,
    adapters_table,
    initialised_lines,
    nested_list,
)
from registry.report.answers import plain


@pytest.fixture(scope="module")
def report():
    """Two adapters and an untrained one; whole models stand in for their deltas."""
    deltas = [registry.fingerprint(EXAMPLES / name, rank=16) for name in ("llama-tiny", "phi-tiny")]
    adapters = (
        ComparedAdapter("one", "./one", "data", "org/base", deltas[0]),
        ComparedAdapter("two", "./two", None, None, deltas[1]),
        ComparedAdapter("three", "./three", None, None, None),
    )
    return AdapterReport(adapters, ("base", deltas[0]), (("near", "org/base", 0.25),))


def text_of(renderable) -> str:
    console = Console(width=120)
    with console.capture() as capture:
        console.print(renderable)
    return capture.get()


def test_json(report):
    """Null for an untrained adapter, distances between the trained ones."""
    answer = adapters_json(report)
    json.dumps(plain(answer), allow_nan=False)
    assert [adapter["trained"] for adapter in answer["adapters"]] == [True, True, False]
    assert answer["adapters"][2]["update"] is None
    assert answer["distances"]["adapters"] == ["one", "two"]
    assert answer["base"]["name"] == "base"
    assert answer["like"] == [{"model": "near", "base": "org/base", "std_distance": 0.25}]


def test_tables(report):
    """A table for each trained adapter, a sentence for the other, the distances and the nearest."""
    text = text_of(adapters_table(report))
    assert "one on org/base: trained on data" in text
    assert "three: untrained adapter, B A is zero everywhere" in text
    assert "std distances" in text
    assert "registered, most like one" in text


def test_an_adapter_that_began_as_a_part_of_its_base(report):
    """B A is then no difference from the base, and the merged weights may not be known."""
    first = report.adapters[0]
    began = replace(first.delta, adapter=Adapter("lora+corda", 4, (), (), ()))
    alone = replace(report, adapters=(replace(first, delta=began),))
    text = " ".join(text_of(adapters_table(alone)).split())
    assert "lora+corda, rank 4, B A began as a part of the base" in text
    assert "the merged weights are not known" in text
    merged = replace(first, delta=began, merged=first.delta)
    assert "not known" not in text_of(adapters_table(replace(report, adapters=(merged,))))


def test_too_little_in_common():
    """NaN is null."""
    assert nested_list(np.array([[0.0, math.nan]])) == [[0.0, None]]


def test_what_was_written():
    """With the shift of the output, or why it was not measured."""
    facts = {"folder": "out", "base": "b", "modules": 2, "parameters": 1500, "weights": 0.01}
    moved = Initialised(**facts, output=OutputShift(0.5, 0.25, 1.0), why=None, keep_output=True)
    assert initialised_lines(moved, "ref") == [
        "wrote out: 2 modules, 1.5k parameters, shaped by ref for b",
        "scaling B A is 1.00% of the weights it is added to",
        "before the first step the output moves by 0.5 of its size, 0.25 nats a token",
        "B A was subtracted from the base: load out/base and the adapter together",
    ]
    unknown = Initialised(**facts, output=None, why="no config", keep_output=False)
    assert initialised_lines(unknown, "ref")[-1].endswith(
        "the output moves was not measured: no config"
    )
