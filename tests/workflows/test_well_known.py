"""registry.workflows.well_known: the starter list."""

from collections import Counter

import pytest

from registry.checkpoints.source_names import HUB_ID
from registry.errors import NoSuchWellKnownFamily
from registry.workflows.well_known import Descent, well_known


def test_three_hundred_models():
    """Each is a hub id of an organisation, without a revision, and is listed once."""
    models = well_known()
    assert len(models) == 300
    assert max(Counter(model.model.lower() for model in models).values()) == 1
    for model in models:
        match = HUB_ID.fullmatch(model.model)
        assert match
        assert "/" in match["model"]
        assert match["revision"] is None
        assert match["file"] is None


def test_what_each_was_made_from():
    """All but bases name another model of the same family, and following it ends at a base."""
    models = {model.model: model for model in well_known()}
    for model in models.values():
        assert (model.of is None) == (model.relation is Descent.BASE)
        line = [model]
        while line[-1].of is not None:
            line.append(models[line[-1].of])
            assert len(line) < 9
        assert {ancestor.family for ancestor in line} == {model.family}


def test_bases_come_first():
    """What is ingested in this order finds its base registered."""
    seen = set()
    for model in well_known():
        assert model.of is None or model.of in seen
        seen.add(model.model)


def test_one_family():
    """Its models alone; a family that is not listed is refused with those that are."""
    assert {model.family for model in well_known("smollm2")} == {"smollm2"}
    with pytest.raises(NoSuchWellKnownFamily, match=r"no family 'x'; it has gpt2, "):
        well_known("x")
