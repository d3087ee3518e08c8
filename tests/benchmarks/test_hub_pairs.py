"""benchmarks/hub_pairs.py: published pairs, on a hub of this machine with stand-ins for the models."""

import csv
import json
from collections import Counter

import hub_pairs
import models_made as made
import pytest
import torch
from hub_client import client
from hub_server import Hub
from safetensors.torch import save

import registry
from registry.workflows.resolve import read_fingerprint

pytestmark = pytest.mark.slow

ROOT = made.grown()
MODELS = {
    "acme/base": ROOT,
    "acme/base-chat": made.tuned(ROOT),
    "acme/base-pruned": made.pruned(ROOT, 0.5),
    "other/base": made.grown(1),
    "other/base-chat": made.tuned(made.grown(1)),
}
UNREAD = {
    "acme/gated": "The hub's model 'acme/gated' is gated; ask for access on its page and set HF_TOKEN.",
    "acme/missing": "The hub has no model 'acme/missing' that you may see; check the id and, for a private model, your token.",
    "acme/pictures": "'acme/pictures' holds no weights that can be read; give a folder or file with .safetensors, .gguf, .bin, .pt or .pth.",
}
LIST = """child,parent,relation,label,source
acme/base-chat,acme/base or its instruct model,finetune,derived,AWM configs.py
acme/base-pruned,acme/base,pruned,derived,AWM configs.py
other/base,acme/base,,independent,AWM configs.py
other/base-chat,acme/base-chat,none; hard,dissimilar,MPK Benchmark_All.json
other/base-chat,other/base,fine-tuning,similar,MPK Benchmark_All.json
acme/gated,acme/base,sft,derived,AWM configs.py
acme/missing,acme/base,sft,derived,AWM configs.py
acme/pictures,acme/base,sft,derived,AWM configs.py
"""


@pytest.fixture(autouse=True)
def one_thread():
    """Matrices are so small that more threads only wait for each other."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def hub():
    """A hub with the models, one that is gated and one without weights."""
    with Hub() as hub:
        for name, tensors in MODELS.items():
            stored = {tensor: value.to(torch.bfloat16) for tensor, value in tensors.items()}
            hub.add(name, {"model.safetensors": save(stored), "config.json": b"{}"})
        hub.add("acme/pictures", {"README.md": b"None yet."})
        hub.fault("acme/gated", "gated")
        hub.fault("acme/missing", "missing")
        yield hub


@pytest.fixture
def run(hub, tmp_path, capsys):
    """Runs the benchmark on the list, and gives its status, its JSON line, and all that it printed."""
    (tmp_path / "list.csv").write_text(LIST)

    def run(*options, endpoint=hub.url):
        place = ["--state", str(tmp_path / "state"), str(tmp_path / "list.csv")]
        with client(endpoint, tmp_path / "home"):
            status = hub_pairs.main([*options, *place])
        printed = capsys.readouterr()
        lines = printed.out.splitlines()
        return status, json.loads(lines[-1]) if lines else None, printed

    return run


@pytest.mark.parametrize("mode", ["whole", "quick"])
def test_pairs_are_judged_as_labelled(run, mode):
    """Whole or quick; models that cannot be read are named with the reason, and stop nothing."""
    status, answer, printed = run(f"--{mode}")
    assert status == 0
    assert answer["mode"] == mode
    assert answer["unread"] == UNREAD
    awm, kit = answer["sources"]["AWM"], answer["sources"]["Model Provenance Kit"]
    assert (awm["pairs"], awm["compared"], awm["derived_found"], awm["derived"]) == (6, 3, 2, 2)
    assert (awm["independent"], awm["independent_related"]) == (1, 0)
    assert (awm["auroc"], awm["accuracy"], awm["published"]) == (1.0, 1.0, {"auroc": 1.0})
    assert (kit["compared"], kit["accuracy"], kit["published"]["accuracy"]) == (2, 1.0, 0.964)
    assert (answer["pairs"], answer["compared"], answer["auroc"]) == (8, 5, 1.0)
    assert any(line.startswith("AWM") and "AUROC 1.000" in line for line in printed.out.split("\n"))
    assert "3 models were not read" in printed.out


def test_every_pair_is_written(run, tmp_path):
    """pairs.csv has the verdict and the score, or the reason why there is none."""
    run("--json")
    rows = list(csv.DictReader((tmp_path / "state" / "pairs.csv").read_text().splitlines()))
    assert [row["verdict"] for row in rows[:2]] == ["derived", "derived"]
    assert rows[2]["verdict"] in ("same family", "unknown")
    assert float(rows[0]["score"]) > 3 > float(rows[2]["score"])
    assert rows[5]["reason"] == "not read: acme/gated"


def test_the_state_is_what_fingerprint_writes(run, tmp_path, hub):
    """Each file holds the fingerprint of the model on the hub, and can be compared as one."""
    run("--json")
    state = tmp_path / "state"
    kept = read_fingerprint(state / "acme--base.json", "kept")
    with client(hub.url, tmp_path / "home"):
        assert kept == registry.fingerprint("acme/base", rank=16)
    assert registry.compare(state / "acme--base-chat.json", state / "acme--base.json").related


@pytest.mark.parametrize("mode", ["whole", "quick"])
def test_an_interrupted_run_goes_on(run, hub, monkeypatch, mode):
    """What was read before the interruption is not asked for again, and the answer is that of one run."""
    depth = {"whole": hub_pairs.WHOLE, "quick": hub_pairs.QUICK}[mode]
    read = []

    def interrupted(model, path):
        if len(read) == 2:
            raise KeyboardInterrupt
        depth.keep(model, path)
        read.append(model)

    stopping = hub_pairs.replace(depth, keep=interrupted)
    with monkeypatch.context() as patch:
        patch.setattr(hub_pairs, mode.upper(), stopping)
        status, answer, printed = run(f"--{mode}")
    assert (status, answer, read) == (130, None, ["acme/base", "acme/base-chat"])
    assert "Interrupted; the same command goes on from" in printed.err

    before = Counter(request.repo for request in hub.requests)
    status, answer, printed = run(f"--{mode}")
    asked = Counter(request.repo for request in hub.requests) - before
    assert set(asked) == {*MODELS, *UNREAD} - set(read)
    assert (status, answer["compared"], answer["auroc"]) == (0, 5, 1.0)
    assert "[5/8] other/base-chat\n" in printed.err
    assert "] acme/base\n" not in printed.err


def test_a_damaged_file_is_read_again(run, hub, tmp_path):
    """As is one that an older version wrote; a model that was unreadable is asked for again."""
    run("--quick")
    (tmp_path / "state" / "acme--base.quick.json").write_text('{"version": 0, "branches": []}')
    before = Counter(request.repo for request in hub.requests)
    answer = run("--quick")[1]
    asked = Counter(request.repo for request in hub.requests) - before
    assert set(asked) == {"acme/base", *UNREAD}
    assert answer["compared"] == 5


NOBODY = "http://127.0.0.1:9"


def test_without_network_it_ends_in_one_sentence(run):
    """After some attempts, with status 1 and without a table; nothing is asked for after that."""
    status, answer, printed = run("--quick", endpoint=NOBODY)
    assert (status, answer["outage"], answer["compared"]) == (1, True, 0)
    assert len(printed.out.splitlines()) == 1
    last = printed.err.splitlines()[-1]
    assert last.startswith("The hub is out of reach (")
    assert last.endswith("and the same command goes on from there.")
    assert printed.err.count("next attempt in") == len(hub_pairs.WAITS)
    assert sum("not asked for" in reason for reason in answer["unread"].values()) == 6


def test_without_network_what_was_read_is_compared(run):
    """Two models are out of reach; all pairs of the others are judged."""
    run("--quick")
    status, answer, printed = run("--quick", endpoint=NOBODY)
    assert (status, answer["outage"], answer["compared"], answer["auroc"]) == (1, True, 5, 1.0)
    assert "AUROC 1.000" in printed.out
    assert "5 models are kept" in printed.err


LISTS = {
    "missing": (None, "No such file or directory"),
    "column": ("child,parent\na/b,c/d\n", "it lacks relation, label, source"),
    "label": (
        "child,parent,relation,label,source\na/b,c/d,,friends,me\n",
        "'friends' is none of the labels derived, similar, independent, dissimilar",
    ),
}


@pytest.mark.parametrize(("content", "told"), LISTS.values(), ids=LISTS.keys())
def test_a_list_that_is_none(tmp_path, capsys, content, told):
    """It is refused in one sentence, before anything is read."""
    if content:
        (tmp_path / "list.csv").write_text(content)
    assert hub_pairs.main([str(tmp_path / "list.csv")]) == 2
    printed = capsys.readouterr().err
    assert printed.startswith("The list of pairs cannot be read: ")
    assert told in printed


def test_a_state_that_cannot_be_written(run, tmp_path):
    """It ends the run in one sentence: nothing that is read could be kept."""
    (tmp_path / "state").write_text("a file")
    status, answer, printed = run("--quick")
    assert (status, answer) == (1, None)
    assert printed.err.endswith("cannot be written (File exists); choose another place.\n")


def test_one_silent_model_ends_nothing(run, hub):
    """A model whose files break off is named, and the next one is read."""
    hub.fault("acme/base-pruned", "cut")
    try:
        status, answer, _ = run("--quick")
    finally:
        hub.fault("acme/base-pruned", None)
    assert (status, answer["outage"], answer["compared"]) == (0, False, 4)
    assert "could not be fetched" in answer["unread"]["acme/base-pruned"]


def test_a_part_of_the_list(run):
    """By a part of a source's name, and the first pairs of it."""
    answer = run("--quick", "--source", "provenance", "--limit", "1")[1]
    assert (answer["pairs"], list(answer["sources"])) == (1, ["Model Provenance Kit"])
    status, answer, printed = run("--source", "nobody")
    assert (status, answer) == (2, None)
    assert printed.err == "No pair of the lists is of that source.\n"


def test_a_model_that_breaks_the_reader_is_named(run, monkeypatch):
    """An error that nobody foresaw ends no run of days either."""

    def broken(model, path):
        raise ZeroDivisionError(model)

    monkeypatch.setattr(hub_pairs, "QUICK", hub_pairs.replace(hub_pairs.QUICK, keep=broken))
    status, answer, _ = run("--quick")
    assert (status, answer["compared"]) == (0, 0)
    assert answer["unread"]["acme/base"] == "unexpected ZeroDivisionError: acme/base"


def test_the_committed_lists():
    """542 pairs with known sources and labels, whose ids are the hub's."""
    pairs = hub_pairs.chosen(hub_pairs.LISTS, None, None)
    assert Counter(pair.label for pair in pairs) == {
        "independent": 251,
        "derived": 180,
        "dissimilar": 56,
        "similar": 55,
    }
    assert {pair.source for pair in pairs} == set(hub_pairs.SOURCES)
    assert all(model.count("/") == 1 and " " not in model for model in hub_pairs.models_of(pairs))
    awm = Counter(pair.related for pair in pairs if pair.source == "AWM")
    assert (awm[True], awm[False]) == (60, 90)
