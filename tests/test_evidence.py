"""registry.evidence."""

import pytest

from registry.evidence import Match, judge, quantiles, stranger_share


def match(distance: float, model: str = "m") -> Match:
    return Match(model, "f", "0" * 64, distance, 0.0)


def test_chance_grows_with_the_distance():
    """From the smallest measured share at 0 to 1 beyond the measured range."""
    shares = [stranger_share(d) for d in (0, 1e-4, 1e-3, 1e-2, 1e-1, 2)]
    assert shares == sorted(shares)
    assert shares[0] == quantiles()[0][0] > 0
    assert shares[-1] == 1.0
    assert stranger_share(quantiles()[3][1]) == pytest.approx(quantiles()[3][0])


def test_more_candidates_make_a_coincidence_likelier():
    """The same distance names a family among few models and nothing among thousands."""
    few, many = judge([match(2e-4)], 3, None), judge([match(2e-4)], 10_000, None)
    assert (few.verdict, few.model, few.family) == ("same family", "m", "f")
    assert (many.verdict, many.model, many.family) == ("unknown", None, None)
    assert few.chance < 0.05 < many.chance


def test_equal_weights_leave_nothing_to_chance():
    """The digest decides before any distance."""
    verdict = judge([match(0.5)], 1, ("other", "g"))
    assert (verdict.verdict, verdict.model, verdict.family, verdict.chance) == (
        "same weights",
        "other",
        "g",
        None,
    )


def test_the_limits_are_said():
    """A family verdict says that these vectors cannot tell a child from a twin."""
    assert "cannot tell a child" in judge([match(1e-6)], 1, None).evidence[-1]


def test_adapters_get_no_family():
    """Strangers among adapters were never measured, so that a near one is listed and not named."""
    match = Match("a", "f", "0" * 64, 1e-9, 0.0)
    found = judge([match], 5, None, "adapter")
    assert (found.verdict, found.model, found.chance) == ("unknown", None, None)
    assert "nearest is a" in found.evidence[0]
    assert judge([match], 5, ("a", "f"), "adapter").verdict == "same weights"
    assert judge([], 0, None, "adapter").evidence == ("no registered adapter has the same projections",)
