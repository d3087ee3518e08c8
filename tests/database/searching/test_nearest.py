"""registry.database.searching.nearest: the search by the papers' vectors, in Python and in SQL."""

import psycopg
import pytest
import torch
from checkpoints_made import llama, write_folder
from places import EXAMPLES, rows

import registry


@pytest.fixture
def known(url):
    """An open registry on a database of its own."""
    with registry.Registry(url) as opened:
        yield opened


def test_models_are_compared_whatever_their_rank(known, model, url):
    """The search reads what all have; the view has nothing where a model has less."""
    for rank, name in ((16, "llama-tiny"), (64, "llama-small"), (256, "qwen-tiny")):
        known.ingest(EXAMPLES / name, rank=rank)
    found = known.identify(EXAMPLES / "llama-tiny-code")
    assert (found.fingerprint.rank, found.matches[0].model) == (16, "llama-tiny")
    assert len(found.matches) == 3
    assert {
        m.model: m.clustering_distance
        for m in known.identify(EXAMPLES / "llama-tiny-code", rank=64).matches
    } == {m.model: m.clustering_distance for m in found.matches}
    view = "SELECT model, rank, undetermined, q_cluster_64 IS NULL FROM model_fingerprints ORDER BY rank"
    assert rows(url, view) == [
        ("llama-tiny", 16, 0, True),
        ("llama-small", 64, 0, False),
        ("qwen-tiny", 256, 0, False),
    ]


def test_identify_orders_by_distance(known, tmp_path):
    """The same spreads come first, other masks not at all; the distances are those of the definition."""
    base = known.ingest(write_folder(tmp_path / "base", llama(seed=0))).fingerprint
    far = llama(seed=5)
    far = {n: t * 9 if "q_proj" in n else t for n, t in far.items()}
    known.ingest(write_folder(tmp_path / "far", far))
    known.ingest(
        write_folder(
            tmp_path / "ungated", {n: t for n, t in llama(seed=2).items() if "gate" not in n}
        )
    )
    noisy = {n: t + 1e-4 * torch.randn_like(t) for n, t in llama(seed=0).items()}
    found = known.identify(write_folder(tmp_path / "noisy", noisy))
    assert [match.model for match in found.matches] == ["base", "far"]
    u, v = (torch.tensor(f.std, dtype=torch.float64) for f in (base, found.fingerprint))
    assert found.matches[0].std_distance == pytest.approx(
        1 - float(u @ v / (u.norm() * v.norm())), abs=1e-15
    )
    assert found.verdict.verdict == "derived"
    assert (found.verdict.model, found.verdict.family) == ("base", "base")
    assert [match.family for match in found.families] == ["base", "far"]


def test_only_one_fingerprint_version_is_compared(known, model, url, tmp_path):
    """Models of another version are not among the nearest, until they are ingested again."""
    known.ingest(model)
    with psycopg.connect(url) as own:
        own.execute("UPDATE registry_tables.models SET fingerprint_version = 0")
    other = write_folder(tmp_path / "x", llama(seed=1))
    assert known.identify(other).matches == ()
    known.ingest(model)
    assert [match.model for match in known.identify(other).matches] == ["model"]


def test_sql_for_analysts(known, url):
    """The view has every entry as a plain column; nearest_models answers in SQL what identify answers."""
    for name in ("llama-tiny", "llama-small", "qwen-tiny", "llama-tiny-code"):
        known.ingest(EXAMPLES / name, family=name.split("-")[0])
    short = ("q", "k", "v", "o", "gate", "up", "down")
    columns = ", ".join(
        [f"{p}_std" for p in short]
        + [f"{p}_cluster" for p in short]
        + [f"{p}_cluster_64" for p in short]
    )
    [row] = rows(url, f"SELECT {columns} FROM model_fingerprints WHERE model = 'llama-tiny'")
    fingerprint = known.show("llama-tiny")[1]
    assert row == (
        *fingerprint.std,
        *(share for c in fingerprint.clusterings for share in c.vector),
    )
    nearest = rows(
        url,
        "SELECT neighbour, family, std_distance, clustering_distance FROM nearest_models('llama-tiny', 2)",
    )
    expected = [
        m for m in known.identify(EXAMPLES / "llama-tiny").matches if m.model != "llama-tiny"
    ][:2]
    assert nearest == [(m.model, m.family, m.std_distance, m.clustering_distance) for m in expected]
    assert nearest[0][0] == "llama-tiny-code"
    assert len(rows(url, "SELECT * FROM nearest_models('llama-tiny')")) == 3
    qwen = "(SELECT std_vector FROM model_fingerprints WHERE model = 'qwen-tiny')"
    by_vector = f"SELECT model FROM model_fingerprints ORDER BY std_vector <=> {qwen}"
    assert rows(url, by_vector)[0] == ("qwen-tiny",)


def test_a_ledger_for_analysts(known, url, tmp_path):
    """Every tensor is in one row of its model's ledger; what was not found is NULL, not 0."""
    tensors = {name: t for name, t in llama().items() if "gate_proj" not in name}
    known.ingest(write_folder(tmp_path / "gateless", tensors))
    query = "SELECT sum(tensors)::int FROM model_ledgers WHERE model = 'gateless'"
    assert rows(url, query) == [(len(tensors),)]
    view = "SELECT gate_std, gate_cluster, up_std > 0 FROM model_fingerprints"
    assert rows(url, f"{view} WHERE model = 'gateless'") == [(None, None, True)]
