"""Files that each hold one rank's share of a model, known by the rank in their names.

A rank is a process that trained or serves a piece of every matrix (tensor parallelism), some of the
layers (pipeline parallelism), or a slice of every tensor (fully sharded data parallelism).
"""

import re
from collections.abc import Iterable

# Where the number of the rank stands, by who writes such files.
RANKS = (
    re.compile(r"(?<=consolidated\.)(\d\d)(?=\.pth?$)"),  # Meta's tensor parallelism
    re.compile(r"(?<=mp_rank_)(\d\d)(?=_model_states\.pt$)"),  # DeepSpeed
    re.compile(r"(?<=mp_rank_)(\d\d(?:_\d{3})?)(?=/[^/]+$)"),  # Megatron
    re.compile(r"(?<=tp_rank_)(\d\d(?:_pp_rank_\d{3})?)(?=/[^/]+$)"),  # NeMo
    re.compile(r"(?:(?<=/)|^)(layer_\d+-model_\d+)(?=-model_states\.pt$)"),  # DeepSpeed's pipeline
    re.compile(r"(?<=model-rank-)(\d+-part-\d+)(?=\.safetensors$)"),  # vLLM's sharded state
    re.compile(r"(?:(?<=/rank)|(?<=^rank))(\d+)(?=\.safetensors$)"),  # TensorRT-LLM
    re.compile(r"(?<=model_world_size_)(\d+_rank_\d+)(?=\.pt$)"),  # verl
)
# Where the number of a file stands that holds some of the tensors whole, by who writes such files.
PIECES = (
    re.compile(r"(?<=hf_model_)(\d{4})(?=_\d+\.pt$)"),  # torchtune, before the number of the epoch
    re.compile(r"(?:(?<=/weights\.)|(?<=^weights\.))(\d\d)(?=\.safetensors$)"),  # MLX in 2023
    re.compile(r"(?<=pytorch_model-)(\d{5})(?=\.bin$)"),  # Colossal-AI
)
RANK_OF_WORLD = re.compile(r"world_size_(?P<size>\d+)_rank_(?P<rank>\d+)\.pt$")


def without_rank(name: str) -> str:
    """Return a file's name with `#` for the rank; the same name where it states none."""
    for pattern in RANKS:
        if pattern.search(name):
            return pattern.sub("#", name)
    return name


def without_piece(name: str) -> str:
    """Return a file's name with `#` for its number among files that hold whole tensors."""
    for pattern in PIECES:
        if pattern.search(name):
            return pattern.sub("#", name)
    return name


def pieces_of(name: str, names: Iterable[str]) -> list[str]:
    """Return the files that hold the rest of a model's tensors, with this one, in order."""
    common = without_piece(name)
    if common == name:
        return [name]
    return sorted((other for other in names if without_piece(other) == common), key=natural)


def parts_of(name: str, names: Iterable[str]) -> list[str]:
    """Return the files of all ranks of the model that a file is part of, in the ranks' order.

    A file whose name states no rank stands alone.
    """
    common = without_rank(name)
    if common == name:
        return [name]
    parts = [other for other in names if without_rank(other) == common]
    return sorted(parts, key=natural)


def natural(name: str) -> list[tuple[int, str]]:
    """Return a key that sorts numbers by size: rank_2 before rank_10."""
    pieces = re.split(r"(\d+)", name)
    return [(int(piece), "") if piece.isdigit() else (-1, piece) for piece in pieces]


def is_part(name: str, names: Iterable[str]) -> bool:
    """Return whether a file holds only a share of a model: others do too, or ranks before it."""
    common = without_rank(name)
    if common == name:
        return False
    if RANK_OF_WORLD.search(name) or len(parts_of(name, names)) > 1:
        return True
    rank = name.removeprefix(common.partition("#")[0]).removesuffix(common.partition("#")[2])
    return any(int(number) > 0 for number in re.findall(r"\d+", rank))


def missing_ranks(names: Iterable[str]) -> list[str]:
    """Return the files of ranks that are not there, where the names state how many there are."""
    names = list(names)
    missing = []
    world = RANK_OF_WORLD.search(names[0])
    if world:
        for rank in range(int(world["size"])):
            start = names[0][: world.start()]
            wanted = f"{start}world_size_{world['size']}_rank_{rank}.pt"
            if wanted not in names:
                missing.append(wanted)
    return missing
