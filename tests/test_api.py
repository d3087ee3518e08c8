"""registry.api, ingest, identify and database.store: models go in, come out and are found."""

from dataclasses import replace

import psycopg
import pytest
import torch
from checkpoints_made import llama, write_folder, write_shards
from places import EXAMPLES

import registry
from registry.errors import (
    ModelAmbiguous,
    ModelNotFound,
    NameTaken,
    NonFiniteWeights,
    RegistryError,
)
from registry.fingerprints.timing import STAGES, Timing


@pytest.fixture
def known(url):
    """An open registry on a database of its own."""
    with registry.Registry(url) as opened:
        yield opened


def rows(url: str, statement: str) -> list[tuple]:
    with psycopg.connect(url) as own:
        return own.execute(statement).fetchall()


TABLES = ("families", "models", "fingerprints", "clusterings", "matrices")


def counts(url: str) -> list[int]:
    return [rows(url, f"SELECT count(*) FROM {table}")[0][0] for table in TABLES]


def test_a_fingerprint_needs_no_database(model, monkeypatch):
    """registry.fingerprint works where the database does not."""
    monkeypatch.setenv("REGISTRY_DATABASE_URL", "postgresql://127.0.0.1:1/x")
    assert registry.fingerprint(model).layers == 2


def test_what_is_stored_reads_back_equal(known, model):
    """A fingerprint out of the database equals the computed one, every float of it."""
    done = known.ingest(model)
    summary, fingerprint = known.show("model")
    assert done.new
    assert summary == done.model
    assert fingerprint == done.fingerprint == registry.fingerprint(model)


def test_ingesting_twice_changes_nothing(known, model, url, tmp_path):
    """The same weights, from shards and under another name too, are recognised."""
    known.ingest(model)
    before = rows(url, "SELECT * FROM models"), counts(url)
    again = known.ingest(write_shards(tmp_path / "other", llama()), name="other", family="another")
    assert (again.new, again.model.name) == (False, "model")
    assert (rows(url, "SELECT * FROM models"), counts(url)) == before


def test_a_larger_rank_takes_the_place(known, model, url):
    """The same weights with more singular values: spectra and clusterings are the new ones, nothing else is changed."""
    before = known.ingest(model, rank=16)
    models = rows(url, "SELECT * FROM models")
    deeper = known.ingest(model, rank=256)
    assert (before.rank_before, before.new, before.deeper) == (None, True, False)
    assert (deeper.rank_before, deeper.new, deeper.deeper) == (16, False, True)
    assert known.show("model")[1] == deeper.fingerprint == registry.fingerprint(model, rank=256)
    assert (rows(url, "SELECT * FROM models"), rows(url, "SELECT rank FROM fingerprints")) == (
        models,
        [(256,)],
    )
    again = known.ingest(model)
    assert (again.rank_before, again.new, again.deeper) == (256, False, False)
    assert known.show("model")[1] == deeper.fingerprint


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


def test_time_is_told(known, model):
    """Every stage of the journey, in seconds of all threads."""
    clock = Timing()
    known.ingest(model, timing=clock)
    spent = clock.seconds()
    assert {stage for stage, seconds in spent.items() if seconds} == {*STAGES, "wall"} - {"copy"}


def test_a_name_is_given_once(known, model, url, tmp_path):
    """Other weights of the same name are refused until they get their own."""
    known.ingest(model)
    other = write_folder(tmp_path / "b" / "model", llama(seed=1))
    before = counts(url)
    with pytest.raises(NameTaken, match="registered as 'model'"):
        known.ingest(other)
    assert counts(url) == before
    assert known.ingest(other, name="model b").new


@pytest.mark.parametrize(
    ("given", "base", "registered", "expected"),
    [
        ("f", "base", True, "f"),
        (None, "base", True, "bases"),
        (None, "base", False, "base"),
        (None, None, True, "child"),
    ],
    ids=["asked for", "of the registered base", "the unknown base itself", "its own name"],
)
def test_families(known, tmp_path, given, base, registered, expected):
    """--family, else the declared base's family, else the base's name, else the model's own."""
    if registered:
        known.ingest(write_folder(tmp_path / "base", llama()), family="bases")
    child = write_folder(tmp_path / "child", llama(seed=1), {"_name_or_path": base} if base else {})
    assert known.ingest(child, family=given).model.family == expected


def test_a_failure_stores_nothing(known, url, tmp_path):
    """Neither refused weights nor a lost connection leave a row behind."""
    tensors = llama()
    tensors["model.layers.0.mlp.up_proj.weight"][0, 0] = torch.nan
    with pytest.raises(NonFiniteWeights):
        known.ingest(write_folder(tmp_path / "nan", tensors))
    assert counts(url) == [0] * 5
    assert known.ingest(tmp_path / "nan", allow_nonfinite=True).fingerprint.nonfinite == 1


def test_removing(known, model, url, tmp_path):
    """A model goes with all its rows; its family stays while others are in it."""
    known.ingest(model, family="f")
    known.ingest(write_folder(tmp_path / "b", llama(seed=1)), family="f")
    assert known.remove("model").name == "model"
    assert [family.models for family in known.families()] == [("b",)]
    known.remove("b")
    assert counts(url) == [0] * 5
    with pytest.raises(ModelNotFound, match="'b'"):
        known.remove("b")


def test_names_and_digests_find_a_model(known, model, url, tmp_path):
    """The start of a digest will do; what fits two models is refused."""
    digest = known.ingest(model).model.digest
    assert known.show(digest[:8])[0].name == known.show(digest)[0].name == "model"
    with pytest.raises(ModelNotFound, match="registry list"):
        known.show(digest[:7])
    with pytest.raises(ModelNotFound):
        known.show("%%%%%%%%")
    known.ingest(write_folder(tmp_path / "b", llama(seed=1)), name=digest[:10])
    assert known.show(digest[:10])[0].name == digest[:10]
    with psycopg.connect(url) as own:  # digests do not collide at will
        own.execute("UPDATE models SET digest = 'aaaaaaaa' || substr(digest, 9)")
    with pytest.raises(ModelAmbiguous, match="could be any of"):
        known.show("aaaaaaaa")


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


def test_identify_the_same_weights(known, model, tmp_path):
    """Re-sharded and cast up, they are still the same."""
    known.ingest(model, family="f")
    wide = {name: tensor.double() for name, tensor in llama().items()}
    verdict = known.identify(write_shards(tmp_path / "x", wide)).verdict
    assert (verdict.verdict, verdict.model, verdict.family, verdict.changes) == (
        "same weights",
        "model",
        "f",
        (),
    )


def test_identify_in_an_empty_registry(known, model, url):
    """Nothing to compare with is 'unknown', and nothing is stored."""
    found = known.identify(model)
    assert (found.verdict.verdict, found.verdict.model, found.matches) == ("unknown", None, ())
    assert counts(url) == [0] * 5


def test_identify_a_stranger(known, tmp_path):
    """A far model is 'unknown', with its distances."""
    known.ingest(write_folder(tmp_path / "base", llama()))
    strange = {n: t * 9 if "q_proj" in n else t for n, t in llama(seed=5).items()}
    found = known.identify(write_folder(tmp_path / "strange", strange))
    assert found.verdict.verdict == "unknown"
    assert found.verdict.chance > 0.05
    assert len(found.matches) == 1


@pytest.mark.parametrize("family", ["llama", "qwen", "phi"])
def test_each_example_fine_tune_finds_its_base(url, family):
    """Among all bases its own stands first, in its family."""
    with registry.Registry(url) as known:
        for base in ("llama", "qwen", "phi"):
            for size in ("tiny", "small"):
                known.ingest(EXAMPLES / f"{base}-{size}", family=base)
        found = known.identify(EXAMPLES / f"{family}-tiny-code")
        assert found.matches[0].model == found.verdict.model == f"{family}-tiny"
        assert found.verdict.family == family
        assert known.ingest(EXAMPLES / f"{family}-tiny-code").model.family == family


def test_makemore_finds_its_sibling(known, data):
    """Two makemore checkpoints by different people are nearest to each other."""
    for folder in sorted(data.glob("checkpoints/*")):
        if "lmj9" not in folder.name:
            known.ingest(folder)
    [mine] = data.glob("checkpoints/lmj9*")
    assert known.identify(mine).matches[0].model.startswith("woodRock__makemore")


def test_only_one_fingerprint_version_is_compared(known, model, url, tmp_path):
    """Models of another version are neither found nor in the way."""
    known.ingest(model)
    with psycopg.connect(url) as own:
        own.execute("UPDATE models SET fingerprint_version = 0")
    assert known.models() == []
    assert known.identify(write_folder(tmp_path / "x", llama(seed=1))).matches == ()
    assert known.ingest(model).new


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


def test_every_error_is_a_registry_error(known):
    """One except clause is enough."""
    for call in (known.show, known.remove, known.ingest, known.identify, registry.fingerprint):
        with pytest.raises(RegistryError):
            call("./nothing here")


def test_summaries_hold_what_was_asked(known, model):
    """Source, tool version and time are recorded."""
    summary = known.ingest(str(model)).model
    assert summary.source == str(model)
    assert summary.fingerprint_version == 1
    assert replace(summary, ingested_at=None) == replace(known.models()[0], ingested_at=None)
