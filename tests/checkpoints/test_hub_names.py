"""Names of files on the hub, whatever characters and schemes they are made of."""

import json
from collections.abc import Iterator

import pytest
import torch
from checkpoints_made import llama, write_folder, write_shards
from hub_client import client
from hub_server import Hub
from onnx_made import kept

from registry.checkpoints import open_checkpoint
from registry.errors import SeveralCheckpoints

DOWNLOAD = pytest.mark.parametrize("download", [False, True], ids=["ranges", "kept"])
NAMES = (
    ("epoch=1-step=10.ckpt", "epoch:5-val_loss:3.26.ckpt"),
    ("[a] (1).ckpt", "[a] (2), b?.ckpt"),
)


@pytest.fixture(scope="module")
def hub() -> Iterator[Hub]:
    """A hub without models."""
    with Hub() as hub:
        yield hub


@pytest.fixture(autouse=True)
def cache(hub, tmp_path) -> Iterator[None]:
    """The hub's client with a cache of its own."""
    with client(hub.url, tmp_path / "home"):
        yield


@DOWNLOAD
@pytest.mark.parametrize("names", NAMES, ids=["trainers", "people"])
def test_the_name_that_a_message_gives_is_accepted(hub, tmp_path, names, download):
    """Of two files with any characters in their names, the proposed one is read."""
    files = {}
    for seed, name in enumerate(names):
        torch.save({"state_dict": llama(seed)}, tmp_path / "m.ckpt")
        files[name] = (tmp_path / "m.ckpt").read_bytes()
    repository = f"org/{'kept' if download else 'ranges'}-{len(names[0])}"
    hub.add(repository, files)
    with pytest.raises(SeveralCheckpoints) as caught:
        open_checkpoint(repository, download=download)
    opened = open_checkpoint(caught.value.data["example"], download=download)
    assert len(opened.entries) == 17
    assert opened.name == caught.value.data["example"]
    for name in names:
        entries = open_checkpoint(f"{repository}:{name}", download=download).entries
        seed = names.index(name)
        weight = next(entry for entry in entries if entry.name.endswith("0.mlp.up_proj.weight"))
        assert torch.equal(weight.load(), llama(seed)["model.layers.0.mlp.up_proj.weight"])


@DOWNLOAD
@pytest.mark.parametrize("scheme", ["model.safetensors-{}", "any name {}", "model-{}.fp16"])
def test_shards_of_any_name(hub, tmp_path, scheme, download):
    """Shards are those that the index names, by whatever scheme."""
    folder = write_shards(tmp_path / "m", llama())
    index = json.loads((folder / "model.safetensors.index.json").read_text())
    files = {}
    for shard in set(index["weight_map"].values()):
        number = shard.removeprefix("model-").removesuffix(".safetensors")
        files[scheme.format(number) + ".safetensors"] = (folder / shard).read_bytes()
        for tensor, place in index["weight_map"].items():
            if place == shard:
                index["weight_map"][tensor] = scheme.format(number) + ".safetensors"
    files["model.safetensors.index.json"] = json.dumps(index).encode()
    repository = f"org/{download}-{len(scheme)}"
    hub.add(repository, files)
    entries = open_checkpoint(repository, download=download).entries
    assert {entry.name for entry in entries} == set(llama())
    assert all(entry.load().shape == entry.shape for entry in entries)


@DOWNLOAD
def test_config_and_card_in_the_weights_folder(hub, tmp_path, download):
    """What stands beside weights in a folder of the repository counts before its own."""
    folder = write_folder(tmp_path / "m", llama(), {"model_type": "llama"})
    files = {"README.md": b"---\nbase_model: org/base\n---\n"}
    for path in folder.iterdir():
        files[f"inner/{path.name}"] = path.read_bytes()
    repository = f"org/inner-{download}"
    hub.add(repository, files)
    opened = open_checkpoint(repository, download=download)
    assert (opened.architecture, opened.base) == ("llama", "org/base")


@DOWNLOAD
def test_a_graph_and_its_data(hub, tmp_path, download):
    """The data of an ONNX graph that lie beside it are fetched with it."""
    path = kept(llama()).write(tmp_path / "m" / "m.onnx", external=True)
    repository = f"org/onnx-{download}"
    hub.add(repository, {f"onnx/{file.name}": file.read_bytes() for file in path.parent.iterdir()})
    entries = {
        entry.name: entry for entry in open_checkpoint(repository, download=download).entries
    }
    assert set(entries) == set(llama())
    for name, tensor in llama().items():
        assert torch.equal(entries[name].load(), tensor)
