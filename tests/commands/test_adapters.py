"""registry.commands.adapters."""

import json

import pytest
from bases_made import save_base
from characteristics_made import grouped, model
from command_line import answer, run

GROUPS = [["query", "key", "gate"], ["value", "output", "up", "down"]]


@pytest.mark.slow
def test_an_adapter_is_initialised_like_a_registered_model(url, tmp_path):
    """Text and JSON say what was written; --rank is that of the adapter."""
    base = save_base("llama", tmp_path / "llama")
    run("ingest", model(tmp_path / "reference", grouped(GROUPS)))
    arguments = ("lora-init", base, "--like", "reference", "--rank", 2, "-o")
    assert answer(*arguments, tmp_path / "a")["initialised"]["modules"] == 21
    config = json.loads((tmp_path / "a" / "adapter_config.json").read_text())
    assert (config["r"], config["lora_alpha"]) == (2, 2)

    text = run(*arguments, tmp_path / "b", "--keep-output").stdout
    assert "21 modules" in text
    assert "before the first step the output moves by" in text
    assert f"load {tmp_path / 'b'}/base and the adapter together" in text


@pytest.mark.slow
def test_adapters_are_compared(url, tmp_path):
    """Vectors of each delta, an untrained one by a sentence, and the registered ones like the first."""
    save_base("llama", tmp_path / "llama")
    run("ingest", model(tmp_path / "reference", grouped(GROUPS)))
    adapter = tmp_path / "one"
    run("lora-init", tmp_path / "llama", "--like", "reference", "--rank", 2, "-o", adapter)
    run("ingest", adapter, "--name", "stored")
    found = answer("lora", f"data={adapter}", "--like", 3)
    assert found["adapters"][0]["data"] == "data"
    assert list(found["adapters"][0]["update"]["std"]) == list(
        found["adapters"][0]["update"]["clustering"]
    )
    text = run("lora", f"data={adapter}").stdout
    assert "lora, rank 2, trained on data" in text
    assert "std B A" in text
