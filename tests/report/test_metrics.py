"""registry.report.metrics: what Prometheus reads."""

import re

import pytest
from places import ROOT
from prometheus_client.parser import text_string_to_metric_families

from registry.database.keeping.metrics import ModelCount, RunCounts, Spool, State, VerdictCount
from registry.lineage.verdict import Relation
from registry.report.metrics import HELP, measured, metrics_text

NO_RUNS = RunCounts({}, ended=None, failed=0, silent=None)
STATE = State(
    postgres="18.6",
    schema="0013",
    size=10_835_647,
    families=3,
    models=(ModelCount("model", 3, 41), ModelCount("adapter", 2, 1)),
    verdicts=(
        VerdictCount("derived", judged=30, due=2, oldest=9e6, newest=12.5),
        VerdictCount("unknown", judged=11, due=1, oldest=5.0, newest=0.25),
    ),
    runs=RunCounts({"running": 1, "ended": 4}, ended=3600.5, failed=2, silent=7.0),
)
EMPTY = State(
    postgres="15.1", schema="0013", size=1, families=0, models=(), verdicts=(), runs=NO_RUNS
)
NAME = re.compile(r"registry_[a-z_]+")
LINE = re.compile(r'[a-z_]+(\{([a-z_]+="(?:[^"\\\n]|\\[\\"n])*",?)+\})? [0-9.e+-]+')
"""A line with a number, as the format has it."""


def parsed(spool, state):
    """The samples as Prometheus reads them: by name, the labels and the number."""
    samples = {}
    for family in text_string_to_metric_families(metrics_text(spool, state, "0.2.0")):
        assert (family.type, bool(family.documentation)) == ("gauge", True)
        samples[family.name] = [(sample.labels, sample.value) for sample in family.samples]
    return samples


def test_the_numbers():
    """All that is measured, with its labels."""
    samples = parsed(Spool(2, 30.5), STATE)
    assert list(samples) == [f"registry_{name}" for name in HELP]
    assert samples["registry_up"] == [({}, 1.0)]
    assert samples["registry_info"] == [
        ({"version": "0.2.0", "schema": "0013", "postgres": "18.6"}, 1.0)
    ]
    assert samples["registry_models"] == [
        ({"kind": "model", "fingerprint_version": "3"}, 41.0),
        ({"kind": "adapter", "fingerprint_version": "2"}, 1.0),
    ]
    assert {labels["verdict"]: count for labels, count in samples["registry_verdicts"]} == {
        **dict.fromkeys(map(str, Relation), 0.0),
        "derived": 30.0,
        "unknown": 11.0,
    }
    assert {labels["state"]: count for labels, count in samples["registry_runs"]} == {
        "running": 1.0,
        "ended": 4.0,
        "stopped": 0.0,
        "killed": 0.0,
    }
    singles = {
        "registry_families": 3.0,
        "registry_models_due": 3.0,
        "registry_oldest_judgement_age_seconds": 9e6,
        "registry_newest_judgement_age_seconds": 0.25,
        "registry_database_size_bytes": 10_835_647.0,
        "registry_last_run_age_seconds": 3600.5,
        "registry_last_run_failed_jobs": 2.0,
        "registry_running_silence_seconds": 7.0,
        "registry_spool_files": 2.0,
        "registry_spool_oldest_age_seconds": 30.5,
    }
    assert {name: samples[name] for name in singles} == {
        name: [({}, value)] for name, value in singles.items()
    }


def test_an_empty_registry():
    """Counts are 0, and an age that there is none of is left out."""
    samples = parsed(Spool(0, None), EMPTY)
    assert samples["registry_families"] == [({}, 0.0)]
    assert samples["registry_models_due"] == [({}, 0.0)]
    assert {value for _, value in samples["registry_verdicts"]} == {0.0}
    assert {value for _, value in samples["registry_runs"]} == {0.0}
    assert not [name for name in samples if "_age_" in name or "_run_" in name]


def test_a_database_that_does_not_answer():
    """It is down, and what waits for it is counted."""
    assert parsed(Spool(1, 2.0), None) == {
        "registry_up": [({}, 0.0)],
        "registry_spool_files": [({}, 1.0)],
        "registry_spool_oldest_age_seconds": [({}, 2.0)],
    }


@pytest.mark.parametrize("text", ['a"b', "a\\", "a\nb", "a\\nb", 'x"} 1\nregistry_up 0', "ä,b=c"])
def test_labels_are_escaped(text):
    """Whatever a label holds, it is read back, and ends no line."""
    odd = State(
        "18", text, 1, 0, (ModelCount(text, 3, 1),), (VerdictCount(text, 1, 0, 1.0, 1.0),), NO_RUNS
    )
    samples = parsed(Spool(0, None), odd)
    assert samples["registry_models"][0][0]["kind"] == text
    assert samples["registry_info"][0][0]["schema"] == text
    assert samples["registry_verdicts"][-1][0]["verdict"] == text
    assert samples["registry_up"] == [({}, 1.0)]


@pytest.mark.parametrize("state", [STATE, EMPTY, None], ids=["full", "empty", "down"])
def test_every_line_is_of_the_format(state):
    """HELP and TYPE once a metric, before its numbers; names are lower case; the last line ends."""
    text = metrics_text(Spool(1, 1e-7), state, "0.2.0")
    assert text.endswith("\n")
    seen = []
    for line in text.splitlines():
        if line.startswith("# HELP "):
            seen.append(line.split()[2])
            assert NAME.fullmatch(seen[-1])
        elif line.startswith("#"):
            assert line == f"# TYPE {seen[-1]} gauge"
        else:
            assert LINE.fullmatch(line)
            assert line.startswith((f"{seen[-1]} ", f"{seen[-1]}{{"))
    assert len(seen) == len(set(seen))


def test_the_page_lists_every_metric():
    """docs/operations.md has the table of names and what they are, and no other."""
    page = (ROOT / "docs" / "operations.md").read_text()
    labels = {
        name: [*samples[0].labels] for name, samples in measured(Spool(1, 1.0), STATE, "").items()
    }
    expected = []
    for name, words in HELP.items():
        whole = f"registry_{name}"
        expected.append(
            f"| `{whole}` | {', '.join(f'`{label}`' for label in labels[whole])} | {words} |"
        )
    table = page.partition("| metric |")[2].partition("\n\n")[0]
    listed = [line for line in table.splitlines() if line.startswith("| `registry_")]
    assert listed == expected
