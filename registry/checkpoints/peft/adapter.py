"""PEFT adapters: the small tensors that make up a delta become one entry for each weight."""

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from registry.checkpoints.dtypes import F32, F64, DType, computable
from registry.checkpoints.limits import limit
from registry.checkpoints.peft.config import AdapterConfig, read_adapter_config
from registry.checkpoints.peft.dialects import is_foreign
from registry.checkpoints.peft.experts import (
    NESTED,
    STACK,
    by_parameter,
    stack_delta,
    stacked_deltas,
)
from registry.checkpoints.peft.methods import (
    Factors,
    Method,
    as_matrix,
    matrix_shape,
    method_of,
    read_factors,
)
from registry.checkpoints.peft.patterns import PatternError
from registry.checkpoints.peft.shapes import MatrixShape
from registry.checkpoints.peft.sizes import check_shape
from registry.checkpoints.peft.tokens import ROWS, token_rows
from registry.checkpoints.tensors import BiasDelta, Delta, Entry, HeadRows, TokenRows
from registry.errors import BrokenAdapter, UnsupportedAdapter

if TYPE_CHECKING:
    from torch import Tensor

# module, role, perhaps the adapter's own name (`default`), perhaps `weight`
FACTOR = re.compile(
    r"(?P<module>.+?)\."
    r"(?P<role>lora_(?:embedding_)?[AB]|lora_E|lora_magnitude_vector|hada_[wt][12](?:_[ab])?"
    r"|lokr_[wt][12](?:_[ab])?)"
    r"(?:\.(?!(?:weight|bias)$)[\w-]+)?(?:\.weight)?"
)
# Of lora_bias: B has a bias too, which is added to the base's.
BIAS = re.compile(r"(?P<module>.+)\.lora_B(?:\.[\w-]+)?\.bias")
MAGNITUDE = "lora_magnitude_vector"
# What PEFT, DDP, torch.compile, FSDP and gradient checkpointing put around a module.
PREFIX = re.compile(r"^(?:(?:base_model\.model|module)\.)+")
WRAPPER = re.compile(
    r"(?<![^.])(?:_orig_mod|_fsdp_wrapped_module|_checkpoint_wrapped_module|base_layer|token_adapter)\."
)
SAVED = re.compile(r"\.modules_to_save\.[\w-]+(?=\.)")
FROZEN = ".original_module."  # the base's own weight, kept beside a module that was trained whole
BASE_LAYER = ".base_layer.weight"  # the base's own weight, kept beside the factors
# What llama.cpp calls the projections whose rows it orders by head.
HEADS = {"attn_q": HeadRows.QUERY, "attn_k": HeadRows.KEY}
LONGEST_NAME = limit("adapter-name")


def is_adapter(entries: Iterable[Entry], *, configured: bool) -> bool:
    """Return whether the tensors are an adapter's.

    Some must be factors, and a config must say so or no base weight be among them: some models are
    published with adapters still on them.

    Args:
        entries: The tensors of the file.
        configured: Whether adapter_config.json is at hand.
    """
    names = [entry.name for entry in entries]
    has_factors = any(FACTOR.fullmatch(name) or is_foreign(name) for name in names)
    if not has_factors or configured:
        return has_factors
    return not any(name.endswith(BASE_LAYER) for name in names)


def adapter_entries(
    entries: Iterable[Entry], settings: Mapping[str, Any], source: str
) -> list[Entry]:
    """Return one delta for every weight that is changed, then the full tensors beside them.

    All bear the base's names; nothing is read.

    Args:
        entries: The tensors of the adapter's file.
        settings: The content of adapter_config.json.
        source: What errors call the adapter.

    Raises:
        BrokenAdapter: Where its tensors do not go together.
        UnsupportedAdapter: Where none of its tensors is a factor.
    """
    config = read_adapter_config(settings, source)
    most_dimensions = 3 if config.enabled or config.stacked else 2  # a convolution's have four
    modules: dict[str, dict[str, Entry]] = {}
    beside: list[Entry] = []

    for entry in entries:
        if len(entry.name) > LONGEST_NAME:
            reason = f"a tensor's name has {len(entry.name):,} characters"
            raise BrokenAdapter(source=source, reason=reason)

        factor = FACTOR.fullmatch(entry.name)
        if factor and len(entry.shape) <= most_dimensions:
            parts = modules.setdefault(module_name(factor["module"]), {})
            if factor["role"] in parts:
                reason = f"it holds several adapters for {factor['module']!r}"
                raise BrokenAdapter(source=source, reason=reason)
            parts[factor["role"]] = entry
        elif rows := ROWS.fullmatch(entry.name):
            module = base_name(rows["module"])
            beside.append(token_rows(entry, module, settings, source))
        elif FROZEN not in entry.name:
            beside.append(replace(entry, name=base_name(entry.name)))

    only_tokens = bool(beside) and all(isinstance(entry, TokenRows) for entry in beside)
    if not modules and not only_tokens:
        kind = settings.get("peft_type") or settings.get("fine_tune_type")
        raise UnsupportedAdapter(source=source, kind=str(kind)[:40])

    deltas = deltas_of(modules, config, source)
    changed = {delta.name for delta in deltas}
    magnitudes = [delta.magnitude for delta in deltas if delta.magnitude]
    # one of the same name as a delta is the base's own weight, saved with the adapter
    others = [entry for entry in beside if entry.name not in changed]
    scalings = {delta.name.removesuffix(".weight"): delta.scaling for delta in deltas}
    others = [bias_delta(entry, scalings) for entry in others]
    return [*deltas, *magnitudes, *others]


def bias_delta(entry: Entry, scalings: Mapping[str, float]) -> Entry:
    """Return what is added to a bias, where a tensor is that; any other as it is.

    Args:
        scalings: Those of the factors, by module.
    """
    bias = BIAS.fullmatch(entry.name)
    if bias is None or bias["module"] not in scalings:
        return entry
    module = bias["module"]
    return BiasDelta(
        name=f"{module}.lora_B.bias",
        dtype=entry.dtype,
        shape=entry.shape,
        read=entry.read,
        weight=f"{module}.bias",
        scaling=scalings[module],
    )


def deltas_of(
    modules: dict[str, dict[str, Entry]], config: AdapterConfig, source: str
) -> list[Delta]:
    """Return the deltas of all modules; of stacks of experts one a stack.

    Raises:
        BrokenAdapter: Where tensors do not go together, or a pattern of the config takes too long.
    """
    parameters = by_parameter(modules, config, source)
    of_parameters = {factors.module for factors in parameters.values()}
    try:
        deltas = stacked_deltas(parameters, config, source)
        for module, parts in modules.items():
            if module not in of_parameters:
                deltas.append(delta_of(module, parts, config, source))
    except PatternError as exc:
        reason = f"a pattern of its config {exc}"
        raise BrokenAdapter(source=source, reason=reason) from exc
    return deltas


def module_name(name: str) -> str:
    """Return a module's name in the base, with a `.base_layer` for each adapter around it."""
    module = name
    while module.endswith(NESTED):
        module = module.removesuffix(NESTED)
    return base_name(module) + name[len(module) :]


def base_name(name: str) -> str:
    """Return the name that a module or tensor has in the base model."""
    return SAVED.sub("", PREFIX.sub("", WRAPPER.sub("", name)))


@dataclass(frozen=True)
class StoredDelta:
    """The parts of one weight's delta, read whenever it is asked for.

    Attributes:
        method: What they are multiplied by.
        parts: The tensors by their roles.
        enabled: Which parts of a fused weight have factors, () for all.
        scaling: What the product is multiplied by.
    """

    method: Method
    parts: Mapping[str, Entry]
    enabled: tuple[bool, ...]
    scaling: float

    def matrices(self, dtype: DType | None) -> dict[str, "Tensor"]:
        """Read the parts, in a type or (None) in their own, if one can compute in it."""
        matrices = {}
        for role, part in self.parts.items():
            wanted = dtype or computable(part.dtype)
            # a pickled factor may be a transpose, which torch.kron cannot take
            stored = part.load().to(wanted.torch).contiguous()
            matrices[role] = as_matrix(role, stored, self.enabled)
        return matrices

    def product(self, dtype: DType) -> "Tensor":
        """Read the delta, outputs x inputs, with its scaling."""
        delta: Tensor = self.method.delta(self.matrices(dtype))
        return delta * self.scaling

    def factors(self) -> Factors:
        """Read the delta's two factors, without its scaling: as arrays where they are kept so."""
        return read_factors(self.method, self.parts, self.matrices)


def delta_of(module: str, parts: dict[str, Entry], config: AdapterConfig, source: str) -> Delta:
    """Return the delta of one weight out of the index entries of its parts; nothing is read.

    Args:
        module: The base's name of the module that has the weight.
        parts: The entries of its parts by their roles; DoRA's magnitude is taken out.
        config: How the parts are scaled.
        source: What errors call the adapter.

    Raises:
        BrokenAdapter: Where the parts are not whole, do not fit or are too large.
        PatternError: Where a pattern of the config takes too long to match.
    """
    if config.stacked and all(len(part.shape) == STACK for part in parts.values()):
        return stack_delta(module, parts, config, source)
    magnitude = parts.pop(MAGNITUDE, None)
    try:
        method = method_of(parts)
        shape = delta_shape(method, parts, config.enabled)
        check_lengths(magnitude, shape)
    except (LookupError, ValueError) as exc:
        reason = f"the factors of {module!r} are not whole or do not fit"
        raise BrokenAdapter(source=source, reason=reason) from exc

    if method.factors is None:
        check_shape(module, shape, source)

    rank = config.rank(module)
    if method.rank_role:
        rank = parts[method.rank_role].shape[1]
    scaling = config.scaling(module, rank, method.name)

    stored = StoredDelta(method, parts, config.enabled, scaling)
    labels = [method.name, *config.labels, *["dora"] * bool(magnitude)]
    return Delta(
        name=f"{module}.weight",
        dtype=next(iter(parts.values())).dtype,
        shape=shape,
        read=partial(stored.product, F32),
        exact=partial(stored.product, F64),
        factors=stored.factors if method.factors else None,
        method="+".join(labels),
        scaling=scaling,
        rank=int(rank),
        parts=tuple(parts.values()),
        magnitude=magnitude and replace(magnitude, name=f"{module}.{MAGNITUDE}"),
        initialisation=config.initialisation,
        heads=HEADS.get(module.rpartition(".")[2]) if config.paired else None,
    )


def check_lengths(magnitude: Entry | None, shape: tuple[int, ...]) -> None:
    """Check that DoRA sets a length for every output, or for every column of an embedding.

    Raises:
        ValueError: Where it does not.
    """
    if magnitude and math.prod(magnitude.shape) not in shape:
        raise ValueError(magnitude.shape)


def delta_shape(
    method: Method, parts: Mapping[str, Entry], enabled: tuple[bool, ...]
) -> tuple[int, ...]:
    """Return the shape of a delta, outputs x inputs, from those of its parts.

    Raises:
        LookupError: Where a part is missing.
        ValueError: Where the parts do not fit each other.
    """
    shapes = {}
    for role, part in parts.items():
        shapes[role] = MatrixShape(matrix_shape(role, part.shape, enabled))
    shape: tuple[int, ...] = method.delta(shapes).shape
    return shape
