"""No journey holds a connection while weights are read, so that none can be lost meanwhile."""

from contextlib import suppress

import psycopg
import pytest
import torch
from adapters_made import write_adapter
from checkpoints_made import llama, write_folder
from embedded_servers import eventually
from versions_made import age

import registry
from registry.checkpoints.tensors import Entry
from registry.errors import CharacteristicError

OURS = (
    "SELECT count(*) FROM pg_stat_activity"
    " WHERE datname = current_database() AND application_name LIKE 'registry%'"
)
END = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
)

JOURNEYS = {
    "ingest": lambda known, model, _: known.ingest(model, name="again", rank=256),
    "identify": lambda known, model, _: known.identify(model),
    "identify --quick": lambda known, model, _: known.identify_quickly(model),
    "compare": lambda known, model, _: known.compare(model, "known"),
    "verify": lambda known, model, _: known.verify(model, "known"),
    "fingerprint": lambda known, model, _: known.fingerprint(model),
    "upgrade": lambda known, _model, __: known.upgrade(),
    "characteristic": lambda known, model, _: known.distances(model),
    "adapters": lambda known, _, adapter: known.adapters([adapter], "known"),
}


@pytest.fixture
def adapter(tmp_path):
    """An adapter's folder."""
    factors = {f"layers.0.self_attn.q_proj.lora_{x}.weight": torch.eye(16) for x in "AB"}
    return write_adapter(tmp_path / "adapter", factors)


@pytest.mark.parametrize("journey", JOURNEYS.values(), ids=list(JOURNEYS))
def test_nothing_is_connected_while_weights_are_read(url, tmp_path, adapter, monkeypatch, journey):
    """Of the sessions at the server none is ours at the first tensor, and all may be ended at any."""
    model = write_folder(tmp_path / "model", llama())
    looks = []
    with registry.Registry(url) as known, psycopg.connect(url, autocommit=True) as observer:
        known.ingest(model, name="known", rank=16)
        if journey is JOURNEYS["upgrade"]:
            age(url)
        guarded = Entry._guarded

        def counting(entry, read):
            if len(looks) < 3:  # a session that we have closed may take a moment to end
                looks.append(eventually(lambda: observer.execute(OURS).fetchone() == (0,)))
                observer.execute(END)
            return guarded(entry, read)

        monkeypatch.setattr(Entry, "_guarded", counting)
        with suppress(CharacteristicError):  # a small model's layers are too few for a law
            journey(known, model, adapter)
    assert looks
    assert all(looks)
