"""registry.workflows.characteristic: the second paper's numbers of registered models and of sources."""

import psycopg
import pytest
from characteristics_made import grouped, model

import registry
from registry.errors import NoCharacteristic

GROUPS = [["query", "key"], ["value"]]


def stored_rows(url):
    with psycopg.connect(url) as connection:
        return connection.execute("SELECT count(*) FROM characteristics").fetchone()[0]


@pytest.fixture
def folder(tmp_path):
    return model(tmp_path / "reference", grouped(GROUPS))


@pytest.mark.slow
def test_groups_of_a_registered_model_are_stored_and_of_a_source_not(url, folder):
    """Both give the same groups; asking again replaces the rows instead of adding to them."""
    with registry.Registry(url) as known:
        by_source = known.characteristic(folder)
        assert stored_rows(url) == 0

        known.ingest(folder)
        by_name = known.characteristic("reference")
        rows = stored_rows(url)
        assert rows > 0
        known.characteristic("reference")

    assert by_name.groups == by_source.groups
    assert stored_rows(url) == rows


def test_groups_that_cannot_be_stored_are_shown(url, folder, caplog):
    """Who may only read gets the answer, and is told."""
    with registry.Registry(url) as known:
        known.ingest(folder)
    with registry.Registry(f"{url}&options=-c%20default_transaction_read_only=on") as reader:
        assert reader.characteristic("reference").groups
    assert "'reference' are shown but not stored (The database" in caplog.text
    assert stored_rows(url) == 0


def test_laws_of_given_pairs_are_the_only_ones(url, folder):
    """With pairs given, the sets of distances are those pairs."""
    with registry.Registry(url) as known:
        laws = known.distances(folder, pairs=[("query", "key")])
    assert [(law.a, law.b) for law in laws.sets] == [("query", "key")]


def test_a_reference_without_a_characteristic_shapes_no_adapter(url, tmp_path):
    """A reference of one group only is refused, and no adapter is written."""
    everything = [["query", "key"]]
    reference = model(tmp_path / "reference", grouped(everything))
    with registry.Registry(url) as known, pytest.raises(NoCharacteristic, match="reference"):
        known.lora_init(reference, like=reference, output=tmp_path / "adapter")
    assert not (tmp_path / "adapter").exists()
