"""registry.checkpoints.assembly."""

from argparse import Namespace
from pathlib import Path

import pytest
import torch
import torch.distributed as dist
from checkpoints_made import llama, write_folder
from torch.distributed.tensor import DTensor, Replicate, Shard, init_device_mesh
from torch.testing._internal.distributed.fake_pg import FakeStore

from registry.checkpoints import open_checkpoint
from registry.errors import FormatNotRead, MissingPart, PartOfModel

META = {
    "self_attn.q_proj": ("attention.wq", 0),
    "self_attn.k_proj": ("attention.wk", 0),
    "self_attn.v_proj": ("attention.wv", 0),
    "self_attn.o_proj": ("attention.wo", 1),
    "mlp.gate_proj": ("feed_forward.w1", 0),
    "mlp.up_proj": ("feed_forward.w3", 0),
    "mlp.down_proj": ("feed_forward.w2", 1),
    "input_layernorm": ("attention_norm", None),
    "embed_tokens": ("tok_embeddings", 1),
}


def halves(embeddings: int = 1) -> list[dict[str, torch.Tensor]]:
    """A Llama cut in two as Meta does, the embeddings along an axis."""
    parts: list[dict[str, torch.Tensor]] = [{}, {}]
    for name, tensor in llama().items():
        module = next(known for known in META if known in name)
        new, axis = META[module]
        axis = embeddings if module == "embed_tokens" else axis
        renamed = name.removeprefix("model.").replace(module, new)
        pieces = (tensor, tensor) if axis is None else tensor.chunk(2, axis)
        for part, piece in zip(parts, pieces, strict=True):
            part[renamed] = piece.clone()
    for part in parts:
        part["norm.weight"] = torch.ones(16)
    return parts


@pytest.mark.parametrize("embeddings", [0, 1], ids=["embeddings-by-rows", "by-columns"])
def test_metas_halves_make_a_whole(tmp_path, embeddings):
    """The folder and each of its files are the whole model, tensor by tensor."""
    for number, part in enumerate(halves(embeddings)):
        torch.save(part, tmp_path / f"consolidated.{number:02d}.pth")
    for source in (tmp_path, tmp_path / "consolidated.00.pth", tmp_path / "consolidated.01.pth"):
        read = {entry.name: entry for entry in open_checkpoint(source).entries}
        for name, tensor in llama().items():
            module = next(known for known in META if known in name)
            renamed = name.removeprefix("model.").replace(module, META[module][0])
            assert read[renamed].shape == tensor.shape
            assert torch.equal(read[renamed].load(), tensor)


def test_metas_missing_half(tmp_path):
    """A half alone is refused with the name of the other, and read when that is there as advised."""
    first, second = halves()
    torch.save(second, tmp_path / "consolidated.01.pth")
    with pytest.raises(MissingPart, match=r"missing \(consolidated\.00\.pth\)"):
        open_checkpoint(tmp_path)
    torch.save(first, tmp_path / "consolidated.00.pth")
    assert len(open_checkpoint(tmp_path).entries) == 18


def test_parts_that_nothing_says_how_to_join(tmp_path):
    """Tensor parallelism of DeepSpeed and Megatron is refused as parts, for folder and file."""
    for pattern in ("mp_rank_0{}_model_states.pt", "mp_rank_0{}/model_optim_rng.pt"):
        folder = tmp_path / pattern[:12].replace("{}", "")
        paths = [folder / pattern.format(number) for number in range(2)]
        for path, part in zip(paths, halves(), strict=True):
            path.parent.mkdir(parents=True, exist_ok=True)
            torch.save({"module": part}, path)
        for source, number in ((folder, 1), (paths[0], 1), (paths[1], 2)):
            with pytest.raises(PartOfModel, match=f"part {number} of 2"):
                open_checkpoint(source)
    write_folder(tmp_path / "joined", llama())  # as the advice says
    assert len(open_checkpoint(tmp_path / "joined").entries) == 17


def save_ranks(folder: Path, placements: list[object], size: int = 2) -> None:
    """A Llama as DTensors in a file for each rank, in verl's names."""
    for rank in range(size):
        dist.init_process_group("fake", rank=rank, world_size=size, store=FakeStore())
        mesh = init_device_mesh("cpu", (size,))
        state = {}
        for name, tensor in llama().items():
            pieces = tensor.chunk(size)
            is_cut = isinstance(placements[0], Shard)
            local = pieces[rank] if is_cut and rank < len(pieces) else tensor
            state[name] = DTensor.from_local(
                local.clone(),
                mesh,
                placements,
                run_check=False,
                shape=tensor.shape,
                stride=tensor.stride(),
            )
        torch.save(state, folder / f"model_world_size_{size}_rank_{rank}.pt")
        torch.save(
            {"rng": torch.zeros(2)}, folder / f"extra_state_world_size_{size}_rank_{rank}.pt"
        )
        dist.destroy_process_group()


@pytest.mark.parametrize("placement", [Shard(0), Replicate()], ids=["cut", "whole"])
def test_distributed_tensors_make_a_whole(tmp_path, placement):
    """Ranks of fully sharded training are put together along the axis that their DTensors state."""
    save_ranks(tmp_path, [placement])
    for source in (tmp_path, tmp_path / "model_world_size_2_rank_1.pt"):
        read = {entry.name: entry for entry in open_checkpoint(source).entries}
        for name, tensor in llama().items():
            assert torch.equal(read[name].load(), tensor)


def test_a_rank_that_is_missing(tmp_path):
    """One rank's slices are refused with the name of the other rank."""
    save_ranks(tmp_path, [Shard(0)])
    (tmp_path / "model_world_size_2_rank_1.pt").unlink()
    with pytest.raises(MissingPart, match=r"model_world_size_2_rank_1\.pt"):
        open_checkpoint(tmp_path)
    renamed = (tmp_path / "model_world_size_2_rank_0.pt").rename(tmp_path / "model.pt")
    with pytest.raises(PartOfModel, match=r"model\.pt.* one rank's share"):
        open_checkpoint(renamed)


def test_slices_along_several_axes(tmp_path):
    """Tensors that are sums in part, or cut twice, are refused by what they are."""
    from torch.distributed.tensor import Partial

    save_ranks(tmp_path, [Partial()])
    with pytest.raises(FormatNotRead, match="distributed over several axes"):
        open_checkpoint(tmp_path)


@pytest.mark.parametrize(
    "beside",
    [
        {"mp_world_size": 2},
        {"args": Namespace(tensor_model_parallel_size=2, pipeline_model_parallel_size=1)},
    ],
    ids=["DeepSpeed", "Megatron"],
)
def test_a_part_under_another_name(tmp_path, beside):
    """A part that was renamed is known by what training states of its ranks; of one rank it is whole."""
    torch.save({"model": llama(), **beside}, tmp_path / "model.pt")
    with pytest.raises(PartOfModel, match=r"one of 2 parts \((mp_world|tensor_model)"):
        open_checkpoint(tmp_path)
    torch.save({"model": llama(), "mp_world_size": 1}, tmp_path / "model.pt")
    assert len(open_checkpoint(tmp_path).entries) == 17
