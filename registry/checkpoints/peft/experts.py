"""LoRA on stacks of experts: `target_parameters` of peft, whose factors lie in each other.

A stack experts x outputs x inputs has factors of all its experts in one pair of matrices:

    A  (experts * r) x inputs      the rows of one expert stand together
    B  outputs x (r * experts)     the columns of one expert stand `experts` apart

Of several parameters of one module the first is the innermost: `experts.base_layer.lora_A` belongs
to `gate_up_proj`, `experts.lora_A` to `down_proj` (peft.tuners.lora.layer.ParamWrapper).
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from registry.checkpoints.dtypes import F32, F64, DType, computable
from registry.checkpoints.peft.config import AdapterConfig
from registry.checkpoints.peft.methods import Factors
from registry.checkpoints.tensors import Delta, Entry
from registry.errors import BrokenAdapter

if TYPE_CHECKING:
    from torch import Tensor

NESTED = ".base_layer"
# The order in which transformers' experts define their parameters.
ORDER = ("gate_up_proj", "gate_proj", "up_proj", "w1", "w3", "down_proj", "w2")
PAIR = 2
STACK = 3  # dimensions


@dataclass(frozen=True)
class ModuleFactors:
    """The factors at one depth of nesting around a module.

    Attributes:
        module: The base's name of the module.
        parts: The tensors by their roles.
    """

    module: str
    parts: Mapping[str, Entry]

    @property
    def inputs(self) -> int:
        """Columns of A."""
        return self.parts["lora_A"].shape[-1]

    @property
    def outputs(self) -> int:
        """Rows of B."""
        return self.parts["lora_B"].shape[0]


def by_parameter(
    modules: Mapping[str, Mapping[str, Entry]], config: AdapterConfig, source: str
) -> dict[str, ModuleFactors]:
    """Return those factors that belong to target_parameters, by the parameters' names.

    Args:
        modules: The parts by the modules' names, with a `.base_layer` for every depth of nesting.
        config: Says which parameters and modules have factors.
        source: What errors call the adapter.

    Raises:
        BrokenAdapter: Where there are more factors around a module than parameters.
    """
    depths: dict[str, list[str]] = {}
    for name in modules:
        depths.setdefault(name.replace(NESTED, ""), []).append(name)

    parameters: dict[str, ModuleFactors] = {}
    for module, names in depths.items():
        names.sort(key=len, reverse=True)  # the innermost first
        wanted = parameters_of(module, config, len(names))
        if not wanted or wanted == ["weight"]:
            continue
        factors = [ModuleFactors(name, modules[name]) for name in names]
        if len(factors) != len(wanted) or not all(map(is_lora, factors)):
            reason = f"it has {len(factors)} pairs of factors for {module!r}, not {len(wanted)}"
            raise BrokenAdapter(source=source, reason=reason)
        if len(factors) == PAIR and belongs_to_down(*factors):
            factors.reverse()
        for parameter, pair in zip(wanted, factors, strict=True):
            parameters[f"{module}.{parameter}"] = pair
    return parameters


def is_lora(factors: ModuleFactors) -> bool:
    """Return whether factors are a plain pair of matrices."""
    shapes = [part.shape for part in factors.parts.values()]
    return set(factors.parts) == {"lora_A", "lora_B"} and all(
        len(shape) == PAIR for shape in shapes
    )


def parameters_of(module: str, config: AdapterConfig, pairs: int) -> list[str]:
    """Return the parameters of a module among target_parameters, in the order of definition.

    Those that name no module belong to any that is no target itself, and has more pairs of factors
    than parameters that name it.
    """
    parameters, anywhere = [], []
    for target in config.target_parameters:
        owner, _, parameter = target.rpartition(".")
        if not owner:
            anywhere.append(parameter)
        elif ends_with(module, owner):
            parameters.append(parameter)
    is_target = any(ends_with(module, target) for target in config.target_modules)
    if pairs > len(parameters) and not is_target:
        parameters += anywhere
    rank = {parameter: place for place, parameter in enumerate(ORDER)}
    return sorted(
        set(parameters), key=lambda parameter: (rank.get(parameter, len(rank)), parameter)
    )


def ends_with(module: str, name: str) -> bool:
    """Return whether a module is called so, or stands last in a longer name."""
    return module == name or module.endswith(f".{name}")


def belongs_to_down(first: ModuleFactors, second: ModuleFactors) -> bool:
    """Return whether, by their shapes alone, the first of two is down and the second gate and up.

    Gate and up have twice as many outputs as down has inputs, whichever way round both are.
    """
    return not fit(first, second) and fit(second, first)


def fit(gate_up: ModuleFactors, down: ModuleFactors) -> bool:
    """Return whether two pairs of factors can be those of gate and up, and of down."""
    as_it_is = gate_up.inputs == down.outputs and gate_up.outputs == 2 * down.inputs
    return as_it_is or are_turned(gate_up, down)


def are_turned(gate_up: ModuleFactors, down: ModuleFactors) -> bool:
    """Return whether factors make inputs x outputs, as peft before 0.18 has them of most models."""
    return gate_up.outputs == down.inputs and gate_up.inputs == 2 * down.outputs


@dataclass(frozen=True)
class StackedDelta:
    """The deltas of all experts of one stack, read whenever they are asked for.

    Attributes:
        a: experts x r x inputs, or peft's (experts * r) x inputs.
        b: experts x outputs x r, or peft's outputs x (r * experts).
        experts: How many.
        turned: Whether A has the outputs and B the inputs.
        scaling: What the products are multiplied by.
    """

    a: Entry
    b: Entry
    experts: int
    turned: bool
    scaling: float

    def factors(self, dtype: DType | None = None) -> Factors:
        """Read B, experts x outputs x r, and A, experts x r x inputs."""
        right = self.a.load().to((dtype or computable(self.a.dtype)).torch)
        left = self.b.load().to((dtype or computable(self.b.dtype)).torch)
        if right.ndim < STACK:
            right = right.reshape(self.experts, -1, right.shape[-1])
            left = left.reshape(left.shape[0], -1, self.experts).permute(2, 0, 1).contiguous()
        if self.turned:
            return Factors(right.mT.contiguous(), left.mT.contiguous())
        return Factors(left, right)

    def product(self, dtype: DType) -> "Tensor":
        """Read the deltas, experts x outputs x inputs, with their scaling."""
        left, right = self.factors(dtype)
        delta: Tensor = left @ right
        return delta * self.scaling

    def delta(self, name: str, matrix: tuple[int, int], rank: int, method: str) -> Delta:
        """Return what is stated of it in the index.

        Args:
            name: The base's name of the stack.
            matrix: Outputs x inputs.
        """
        return Delta(
            name=name,
            dtype=self.a.dtype,
            shape=(self.experts, *matrix),
            read=partial(self.product, F32),
            exact=partial(self.product, F64),
            factors=self.factors,
            method=method,
            scaling=self.scaling,
            rank=rank,
            parts=(self.a, self.b),
        )


def stack_delta(
    module: str, parts: Mapping[str, Entry], config: AdapterConfig, source: str
) -> Delta:
    """Return the deltas of a stack whose factors are stacks themselves; nothing is read.

    Raises:
        BrokenAdapter: Where the factors do not fit.
    """
    try:
        a, b = parts["lora_A"], parts["lora_B"]
    except KeyError as exc:
        reason = f"the factors of {module!r} are not whole or do not fit"
        raise BrokenAdapter(source=source, reason=reason) from exc
    experts, rank, inputs = a.shape
    if b.shape[::2] != (experts, rank):
        reason = f"the factors of {module!r} are not whole or do not fit"
        raise BrokenAdapter(source=source, reason=reason)
    scaling = config.scaling(module, rank, "lora")
    stored = StackedDelta(a, b, experts, turned=False, scaling=scaling)
    return stored.delta(f"{module}.weight", (b.shape[1], inputs), rank, "lora")


def stacked_deltas(
    parameters: Mapping[str, ModuleFactors], config: AdapterConfig, source: str
) -> list[Delta]:
    """Return the deltas of stacks of experts, target_parameters of peft; nothing is read.

    Raises:
        BrokenAdapter: Where the rank of the config does not divide the factors.
        PatternError: Where a pattern of the config takes too long.
    """
    turned = turned_modules(parameters)
    method = "+".join(["lora", *config.labels])
    deltas = []
    for name, factors in parameters.items():
        rank = int(config.rank(name))
        a, b = factors.parts["lora_A"], factors.parts["lora_B"]
        rows = a.shape[0]
        if rank < 1 or rows != b.shape[1] or rows % rank:
            reason = f"the factors of {name!r} have {rows} rows, no multiple of the rank {rank}"
            raise BrokenAdapter(source=source, reason=reason)

        is_turned = name.rpartition(".")[0] in turned
        matrix = (factors.outputs, factors.inputs)
        scaling = config.scaling(name, rank, "lora")
        stored = StackedDelta(a, b, rows // rank, is_turned, scaling)
        delta = stored.delta(name, matrix[::-1] if is_turned else matrix, rank, method)
        deltas.append(delta if stored.experts > 1 else flat(delta))
    return deltas


def turned_modules(parameters: Mapping[str, ModuleFactors]) -> set[str]:
    """Return the modules whose gate, up and down fit each other only inputs x outputs."""
    turned = set()
    for name, factors in parameters.items():
        module, _, parameter = name.rpartition(".")
        down = parameters.get(f"{module}.down_proj")
        if parameter != "gate_up_proj" or down is None:
            continue
        as_it_is = factors.inputs == down.outputs and factors.outputs == 2 * down.inputs
        if are_turned(factors, down) and not as_it_is:
            turned.add(module)
    return turned


def flat(delta: Delta) -> Delta:
    """Return the delta of a parameter of one matrix, which is no stack."""
    factors = delta.factors
    assert factors
    return replace(
        delta,
        shape=delta.shape[1:],
        read=lambda: delta.load()[0],
        exact=lambda: delta.exact()[0],
        factors=lambda: Factors(*(factor[0] for factor in factors())),
    )
