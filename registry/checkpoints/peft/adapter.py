"""PEFT adapters: the small tensors that make up an update become one entry for each weight that they change.

The formulas are those of the papers: LoRA (2106.09685), rsLoRA (2312.03732), DoRA (2402.09353), AdaLoRA (2303.10512),
LoHa (2108.06098) and LoKr (2212.10650). B is outputs x r and A is r x inputs whatever way round the base keeps the
weight, so that fan_in_fan_out only matters for merging.
"""

import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from registry.checkpoints.dtypes import F32, F64, DType
from registry.checkpoints.peft.config import Recipe, read_recipe
from registry.checkpoints.peft.shapes import Outline
from registry.checkpoints.tensors import Entry, Update
from registry.errors import BrokenAdapter, UnsupportedAdapter

if TYPE_CHECKING:
    from torch import Tensor

Factors = Mapping[str, Any]
"""The matrices of one update by their roles; outlines of them, where only its shape is asked for."""

# module, role, perhaps the adapter's own name (`default`), perhaps `weight`
FACTOR = re.compile(
    r"(?P<module>.+?)\.(?P<role>lora_(?:embedding_)?[AB]|lora_E|lora_magnitude_vector|hada_[wt][12](?:_[ab])?"
    r"|lokr_[wt][12](?:_[ab])?)(?:\.(?!(?:weight|bias)$)[\w-]+)?(?:\.weight)?"
)
MAGNITUDE = "lora_magnitude_vector"
# What PEFT, DDP, torch.compile, FSDP and gradient checkpointing put around a module.
PREFIX = re.compile(r"^(?:(?:base_model\.model|module)\.)+")
WRAPPER = re.compile(
    r"(?<![^.])(?:_orig_mod|_fsdp_wrapped_module|_checkpoint_wrapped_module|base_layer)\."
)
SAVED = re.compile(r"\.modules_to_save\.[\w-]+(?=\.)")
FROZEN = ".original_module."  # the base's own weight, kept beside a module that was trained whole
LONGEST_NAME = 1000
LARGEST_UPDATE = (
    1 << 28
)  # elements that are ever multiplied out; matrices of 70B models have about as many


@dataclass(frozen=True)
class Method:
    """How one kind of adapter keeps an update.

    told_by: the roles of which one must be there. rank: the role whose second dimension is the rank, if one tells it.
    formula: the update out of its tensors, outputs x inputs. factors: left and right if it is their product.
    """

    name: str
    told_by: tuple[str, ...]
    rank: str | None
    formula: Callable[[Factors], Any]
    factors: Callable[[Factors], tuple[Any, Any]] | None = None


def low_rank(name: str, rank: str, factors: Callable[[Factors], tuple[Any, Any]]) -> Method:
    """A method whose update is a product of two matrices."""

    def formula(roles: Factors) -> Any:
        left, right = factors(roles)
        return left @ right

    return Method(name, (rank,), rank, formula, factors)


def whole(roles: Factors, role: str) -> Any:
    """A matrix that is kept in one piece, or as the product of two."""
    return roles[role] if role in roles else roles[f"{role}_a"] @ roles[f"{role}_b"]


# AdaLoRA's E scales the rows of A; an embedding has inputs x outputs, so its B A is transposed.
ADALORA = low_rank("adalora", "lora_B", lambda f: (f["lora_B"], f["lora_A"] * f["lora_E"]))
METHODS = (
    low_rank("lora", "lora_B", lambda f: (f["lora_B"], f["lora_A"])),
    low_rank(
        "lora", "lora_embedding_B", lambda f: (f["lora_embedding_A"].T, f["lora_embedding_B"].T)
    ),
    Method(
        "loha", ("hada_w1_a",), "hada_w1_a", lambda f: whole(f, "hada_w1") * whole(f, "hada_w2")
    ),
    Method(
        "lokr",
        ("lokr_w1", "lokr_w1_a"),
        None,
        lambda f: whole(f, "lokr_w1").kron(whole(f, "lokr_w2")),
    ),
)


def is_adapter(entries: Iterable[Entry], *, configured: bool) -> bool:
    """Whether the tensors are an adapter's: some are factors, and a config says so or no base weight is among them.

    configured: whether adapter_config.json is at hand. Some models are published with adapters still on them.
    """
    names = [entry.name for entry in entries]
    has_factors = any(FACTOR.fullmatch(name) for name in names)
    return has_factors and (
        configured or not any(name.endswith(".base_layer.weight") for name in names)
    )


def read_adapter(entries: Iterable[Entry], settings: Mapping[str, Any], source: str) -> list[Entry]:
    """One Update for every weight that is changed, then the full tensors beside them, all by the base's names.

    entries: the tensors of the file. settings: adapter_config.json. Raises BrokenAdapter, UnsupportedAdapter.
    """
    recipe = read_recipe(settings, source)
    modules: dict[str, dict[str, Entry]] = {}
    beside: list[Entry] = []
    for entry in entries:
        if len(entry.name) > LONGEST_NAME:
            raise BrokenAdapter(
                source=source, reason=f"a tensor's name has {len(entry.name):,} characters"
            )
        match = FACTOR.fullmatch(entry.name)
        if match is None or len(entry.shape) > 2 + bool(
            recipe.enabled
        ):  # a convolution's has four dimensions
            beside += (
                [replace(entry, name=base_name(entry.name))] if FROZEN not in entry.name else []
            )
        elif (
            modules.setdefault(base_name(match["module"]), {}).setdefault(match["role"], entry)
            is not entry
        ):
            raise BrokenAdapter(
                source=source, reason=f"it holds several adapters for {match['module']!r}"
            )
    if not modules:
        raise UnsupportedAdapter(source=source, kind=str(settings.get("peft_type"))[:40])
    updates = [update(name, roles, recipe, source) for name, roles in modules.items()]
    names = {each.name for each in updates}
    others = [
        entry for entry in beside if entry.name not in names
    ]  # the same name is the base's weight, come along
    return [*updates, *(each.magnitude for each in updates if each.magnitude), *others]


def base_name(name: str) -> str:
    """The name that a module or tensor has in the base model."""
    return SAVED.sub("", PREFIX.sub("", WRAPPER.sub("", name)))


def update(module: str, roles: dict[str, Entry], recipe: Recipe, source: str) -> Update:
    """The update of one weight out of its tensors' index entries; nothing is read. Raises BrokenAdapter."""
    magnitude = roles.pop(MAGNITUDE, None)
    try:
        method = method_of(roles)
        outline = {
            role: Outline(matrix_shape(role, part.shape, recipe.enabled))
            for role, part in roles.items()
        }
        shape = method.formula(outline).shape
    except (StopIteration, LookupError, ValueError) as exc:
        raise BrokenAdapter(
            source=source, reason=f"the factors of {module!r} are not whole or do not fit"
        ) from exc
    if method.factors is None and math.prod(shape) > LARGEST_UPDATE:
        raise BrokenAdapter(
            source=source, reason=f"the update of {module!r} would have the shape {list(shape)}"
        )
    rank = roles[method.rank].shape[1] if method.rank else recipe.rank(module)
    scaling, multiply = recipe.scaling(module, rank, method.name), method.factors

    def read(dtype: DType | None) -> Factors:
        # a pickled factor may be a transpose, which torch.kron trips over
        factors = {
            role: part.load().to((dtype or part.dtype).torch).contiguous()
            for role, part in roles.items()
        }
        return {role: as_matrix(role, factor, recipe.enabled) for role, factor in factors.items()}

    return Update(
        name=f"{module}.weight",
        dtype=next(iter(roles.values())).dtype,
        shape=shape,
        read=lambda: method.formula(read(F32)) * scaling,
        exact=lambda: method.formula(read(F64)) * scaling,
        factors=(lambda: multiply(read(None if method is not ADALORA else F64)))
        if multiply
        else None,
        method="+".join([method.name] + ["rslora"] * recipe.rslora + ["dora"] * bool(magnitude)),
        scaling=scaling,
        rank=int(rank),
        parts=tuple(roles.values()),
        magnitude=magnitude and replace(magnitude, name=f"{module}.{MAGNITUDE}"),
    )


def method_of(roles: Mapping[str, Entry]) -> Method:
    """The method that a module's tensors belong to. Raises StopIteration."""
    if "lora_E" in roles:
        return ADALORA
    return next(method for method in METHODS if any(role in roles for role in method.told_by))


def matrix_shape(role: str, shape: tuple[int, ...], enabled: tuple[bool, ...]) -> tuple[int, ...]:
    """The shape of `as_matrix` of a tensor. Raises ValueError where there is none."""
    if role != "lora_B" or len(shape) != 3:  # noqa: PLR2004  # the weight of a convolution
        return shape
    if not any(enabled) or shape[0] % sum(enabled) or shape[2] != 1:
        raise ValueError(shape)
    return len(enabled) * (shape[0] // sum(enabled)), sum(enabled) * shape[1]


def as_matrix(role: str, factor: "Tensor", enabled: tuple[bool, ...]) -> "Tensor":
    """With enable_lora, B as it acts on the whole fused weight; any other factor as it is.

    B is the weight of a grouped convolution, enabled outputs x r x 1: its first run of rows takes A's first r rows, the
    next run the next r. The rows of the parts that are not enabled are zero. Gives outputs x (groups * r).
    """
    shape, groups = matrix_shape(role, tuple(factor.shape), enabled), sum(enabled)
    if shape == factor.shape:
        return factor
    full = factor.new_zeros(len(enabled), shape[0] // len(enabled), groups, shape[1] // groups)
    places = [place for place, on in enumerate(enabled) if on]
    for group, (place, rows) in enumerate(
        zip(places, factor.squeeze(2).chunk(groups), strict=True)
    ):
        full[place, :, group] = rows
    return full.reshape(shape)
