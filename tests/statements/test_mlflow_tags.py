"""registry.statements.mlflow_tags: what a logged model is tagged with, and where."""

import sys
from types import SimpleNamespace

import pytest
from statements_made import account, merge, unknown

from registry.errors import MlflowMissing
from registry.statements.mlflow_tags import tag_model, tags_of


class Client:
    """Takes tags as MLflow's client does."""

    def __init__(self):
        self.tags = {}

    def set_logged_model_tags(self, model_id, tags):
        """Tag a logged model."""
        self.tags["model", model_id] = dict(tags)

    def set_tag(self, run_id, key, value):
        """Tag a run."""
        self.tags.setdefault(("run", run_id), {})[key] = value

    def set_model_version_tag(self, name, version, key, value):
        """Tag a version."""
        self.tags.setdefault(("version", name, version), {})[key] = value


def test_tags():
    """They name the relation, the ancestors and what the direction rests on; of an unknown model no base."""
    tags = tags_of(merge())
    assert tags["weight_registry.ancestors"] == "base, other"
    assert tags["weight_registry.direction"] == "shown"
    assert tags["weight_registry.chance"] == "2e-09"
    assert set(tags_of(unknown())) == {
        f"weight_registry.{name}" for name in ("relation", "chance", "weights_digest")
    }


def test_a_logged_model_its_run_and_its_version():
    """All three get the same tags."""
    client = Client()
    logged = SimpleNamespace(model_id="m-1", run_id="r-1", registered_model_version=3)
    tags = tag_model(logged, account(), registered_as="prod", client=client)
    assert client.tags == {
        ("model", "m-1"): tags,
        ("run", "r-1"): tags,
        ("version", "prod", "3"): tags,
    }


def test_what_there_is_none_of():
    """A model that an older MLflow logged has no id; one without a run has none to tag."""
    client = Client()
    tags = tag_model(SimpleNamespace(run_id="r-1"), account(), client=client)
    assert client.tags == {("run", "r-1"): tags}
    client = Client()
    tag_model(
        SimpleNamespace(run_id=None, model_id="m"), account(), registered_as="x", client=client
    )
    assert list(client.tags) == [("model", "m")]


def test_without_mlflow(monkeypatch):
    """The extra is named."""
    monkeypatch.setitem(sys.modules, "mlflow", None)
    with pytest.raises(MlflowMissing, match=r"pip install 'weight-registry\[mlflow\]'"):
        tag_model(SimpleNamespace(run_id="r"), account())
