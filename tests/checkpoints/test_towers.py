"""registry.checkpoints.towers: SOURCE#path asks for one of several models in a checkpoint."""

import pytest
from checkpoints_made import llama, write_folder

import registry
from registry.checkpoints import open_checkpoint
from registry.checkpoints.towers import asked, config_of_tower
from registry.errors import NoSuchTower


def renamed(tensors, prefix):
    """The same tensors behind a prefix."""
    return {f"{prefix}{name}": tensor for name, tensor in tensors.items()}


@pytest.fixture
def omni(tmp_path):
    """A language model, a narrower second decoder, and a copy that was frozen."""
    talker = llama(seed=3, hidden=8, inner=12, keys=4)
    tensors = renamed(llama(), "thinker.") | renamed(talker, "talker.")
    return write_folder(tmp_path / "omni", tensors | renamed(llama(seed=5), "ema."))


def test_the_language_model_is_meant(omni, tmp_path):
    """What stands beside it is listed with its size, and each part can be asked for by that path."""
    inspection = registry.inspect(omni)
    assert [tower.path for tower in inspection.towers] == ["ema.model", "talker"]
    assert inspection.projections[0].shapes == ((16, 16),)
    for tower in inspection.towers:
        part = registry.inspect(f"{omni}#{tower.path}")
        assert part.projections
        assert tower.parameters > 0
    alone = write_folder(tmp_path / "alone", llama(seed=3, hidden=8, inner=12, keys=4))
    asked_for = registry.fingerprint(f"{omni}#talker", rank=16)
    assert asked_for.digest == registry.fingerprint(alone, rank=16).digest


def test_the_thinker_is_the_model(omni, tmp_path):
    """Its projections are those of the model that it was made from; the others do not count."""
    alone = registry.fingerprint(write_folder(tmp_path / "alone", llama()), rank=16)
    whole = registry.fingerprint(omni, rank=16)
    ours = [matrix.digest for matrix in whole.matrices]
    assert ours == [matrix.digest for matrix in alone.matrices]
    assert whole.std == alone.std


def test_no_such_tower(omni):
    """The error names it, and its advice lists what there is."""
    with pytest.raises(NoSuchTower, match=r"below 'vision'.*registry inspect"):
        open_checkpoint(f"{omni}#vision")
    assert registry.inspect(omni).towers


def test_a_name_with_a_mark(tmp_path):
    """A folder that is called so is meant itself."""
    folder = write_folder(tmp_path / "model#talker", llama())
    assert asked(str(folder)) == (str(folder), None)
    assert open_checkpoint(folder).name == "model#talker"


def test_a_config_of_its_own():
    """That of the tower counts, where there is one."""
    config = {"vision_config": {"heads": 1}, "talker_config": {"heads": 2}, "heads": 3}
    assert config_of_tower(config, "model.vision_tower") == {"heads": 1}
    assert config_of_tower(config, "talker") == {"heads": 2}
    assert config_of_tower(config, "ema") == config
