"""registry.characteristic: distances, laws, groups and the generator of paper 2509.00046."""

import numpy as np
import pytest
from characteristics_made import NAMES, grouped, model
from scipy import stats

import registry
from registry.characteristic import generator
from registry.characteristic.groups import characteristic, published_of
from registry.characteristic.laws import decided, law_of, scipy_fits
from registry.characteristic.vectors import all_vectors, between, cosine_distances, vectors, within
from registry.errors import IdenticalLayers, LawNotReached, RankNotStored, TooFewLayers

SAMPLE, REPEATS = 500, 60


# --- distances ------------------------------------------------------------------------------------------------------


def test_distances_are_one_less_cosine():
    """Exact for small ones too, zero for equal vectors, whatever their lengths."""
    rows = np.random.default_rng(0).random((5, 16))
    expected = 1 - rows @ rows.T / np.outer(
        np.linalg.norm(rows, axis=1), np.linalg.norm(rows, axis=1)
    )
    assert cosine_distances(rows, 3 * rows) == pytest.approx(expected, abs=1e-14)
    near = rows + 1e-9 * np.eye(5, 16)
    assert 0 < cosine_distances(rows, near)[0, 0] < 1e-17


def test_every_pair_counts_once_and_zeros_do_not(tmp_path):
    """112 vectors of a model with 16 layers make 112 * 111 / 2 distances, two projections 16 * 16."""
    fingerprint = registry.fingerprint(model(tmp_path / "m", grouped([list(NAMES)])), rank=64)
    found = vectors(fingerprint, 64)
    whole = within(all_vectors(found))
    assert whole.table.shape == (112, 112)
    assert len(whole.values) <= 112 * 111 // 2
    assert (whole.values > 0).all()
    assert between(found["query"], found["gate"]).table.shape == (16, 16)
    assert between(found["query"], found["gate"]).name == "query-gate"


def test_what_cannot_be_compared_is_told(tmp_path):
    """Too few layers with the number that is needed, equal layers, and a rank that is not there."""
    spectra = grouped([list(NAMES)])
    few = registry.fingerprint(
        model(tmp_path / "few", {p: rows[:3] for p, rows in spectra.items()}), rank=16
    )
    with pytest.raises(TooFewLayers, match="has 3 such matrices, and 5 are needed"):
        characteristic(few)
    equal = {projection: np.tile(spectra["query"][:1], (16, 1)) for projection in spectra}
    with pytest.raises(IdenticalLayers, match="layers that were copied"):
        characteristic(registry.fingerprint(model(tmp_path / "equal", equal), rank=16))
    with pytest.raises(RankNotStored, match="again with --rank 64"):
        vectors(few, 64)


# --- laws -----------------------------------------------------------------------------------------------------------

LAWS = {
    "pareto 0.5": (
        "power law",
        lambda draw: stats.genpareto.rvs(0.5, size=SAMPLE, random_state=draw),
    ),
    "pareto 1.5": (
        "power law",
        lambda draw: 1e-4 * stats.genpareto.rvs(1.5, size=SAMPLE, random_state=draw),
    ),
    "pareto 2.9": (
        "power law",
        lambda draw: stats.genpareto.rvs(2.9, size=SAMPLE, random_state=draw),
    ),
    "pareto from 0.5": (
        "power law",
        lambda draw: 0.5 + stats.genpareto.rvs(1, size=SAMPLE, random_state=draw),
    ),
    "log-normal 0.3": ("between", lambda draw: draw.lognormal(sigma=0.3, size=SAMPLE)),
    "log-normal 1": ("between", lambda draw: draw.lognormal(sigma=1, size=SAMPLE)),
    "exponential": ("between", lambda draw: draw.exponential(size=SAMPLE)),
    "gamma": ("between", lambda draw: draw.gamma(3, size=SAMPLE)),
    "normal": ("normal", lambda draw: draw.normal(1, 0.1, size=SAMPLE)),
    "wide normal": ("normal", lambda draw: np.abs(draw.normal(1, 0.3, size=SAMPLE))),
}


@pytest.mark.parametrize("name", LAWS)
def test_the_rule_is_right(name):
    """On 95 % of samples of 500."""
    law, sample = LAWS[name]
    draw = np.random.default_rng(11)
    assert np.mean([decided(sample(draw)) == law for _ in range(REPEATS)]) >= 0.95


@pytest.mark.parametrize("shape", [0.5, 1.0, 2.0])
def test_the_interval_holds_the_shape(shape):
    """95 % of the time, give or take what 30 samples tell."""
    draw = np.random.default_rng(12)
    samples = (
        stats.genpareto.rvs(shape, size=SAMPLE, random_state=draw) for _ in range(REPEATS // 2)
    )
    intervals = [law_of(sample).interval for sample in samples]
    assert np.mean([low <= shape <= high for low, high in intervals]) >= 0.9


def test_the_fit_is_the_best_of_scipys():
    """scipy.stats.genpareto.fit has several optima; none is more likely than what is reported."""
    sample = 1e-3 * stats.genpareto.rvs(1.7, size=SAMPLE, random_state=1)
    law, tried = law_of(sample), scipy_fits(sample)
    assert law.pareto.likelihood >= tried[0].likelihood - 0.01
    assert law.pareto.shape == pytest.approx(tried[0].shape, rel=0.01)
    assert [each.likelihood for each in tried] == sorted(
        (each.likelihood for each in tried), reverse=True
    )
    assert law.ks < 0.05


def test_light_tails_have_a_shape_below_zero():
    """Numbers that end somewhere."""
    sample = stats.genpareto.rvs(-0.3, size=SAMPLE, random_state=2)
    assert law_of(sample).pareto.shape == pytest.approx(-0.3, abs=0.1)


# --- groups ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "groups",
    [
        [["query", "key", "gate"], ["value", "output", "up", "down"]],
        [["query", "key", "output", "gate"], ["value", "up", "down"]],
        [["query", "gate"], ["key", "output"], ["value", "up", "down"]],
    ],
    ids=["as Llama 3.2 1B", "as Llama 3 8B", "as Llama 3.2 3B"],
)
def test_groups_are_found_again(tmp_path, groups):
    """Those that the generator gave a model."""
    found = characteristic(
        registry.fingerprint(model(tmp_path / "m", grouped(groups)), rank=64), 64
    )
    assert {frozenset((group.referenced, *group.members)) for group in found.groups} == set(
        map(frozenset, groups)
    )
    assert found.groups[0].referenced == "query"
    assert found.usable


def test_one_group_is_no_characteristic(tmp_path):
    """As of SmolLM2-135M in table 3."""
    found = characteristic(
        registry.fingerprint(model(tmp_path / "m", grouped([list(NAMES)])), rank=64), 64
    )
    assert [group.referenced for group in found.groups] == ["query"]
    assert not found.usable


@pytest.mark.parametrize(
    ("name", "alpha"),
    [("meta-llama/Llama-3.2-1B-Instruct", 1.78), ("Qwen/Qwen2.5-7B-Instruct", 1.05), ("x", None)],
)
def test_the_papers_row_is_found_by_name(name, alpha):
    """Whatever stands around it."""
    row = published_of(name)
    assert (row["alpha"] if row else None) == alpha


# --- the generator --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("length", [64, 256, 4096])
@pytest.mark.parametrize("law", ["power law", "normal"])
def test_distances_follow_the_law(law, length):
    """Figure 8: of what the generator makes, whatever the seed, while the numbers themselves stay near normal."""
    for seed in range(5):
        draw = np.random.default_rng(seed)
        one, other = generator.pair(generator.template(length, draw), 16, law, draw)
        assert (
            decided(
                cosine_distances(one, other).ravel()[cosine_distances(one, other).ravel() > 1e-12]
            )
            == law
        )
        assert abs(stats.kurtosis(np.concatenate([one, other]).ravel())) < 3


def test_a_seed_gives_the_same():
    """Number for number."""
    made = [generator.pair(np.ones(64), 8, "normal", np.random.default_rng(4)) for _ in range(2)]
    assert all(np.array_equal(one, other) for one, other in zip(*made, strict=True))


@pytest.mark.parametrize("kind", ["constant", "normal", "pareto"])
def test_counts_stay_within_the_vector(kind):
    """From 0 to its length, however heavy the tail; a constant count is one number."""
    counts = generator.Counts(kind).draw(1000, 10, np.random.default_rng(0))
    assert counts.min() >= 0
    assert counts.max() <= 10
    assert kind != "constant" or set(counts) == {5}


def test_a_law_that_short_vectors_cannot_show():
    """Is refused and not pretended."""
    with pytest.raises(LawNotReached, match="ask for more vectors"):
        generator.pair(np.ones(2), 8, "normal", np.random.default_rng(0))
