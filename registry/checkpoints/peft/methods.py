"""How each method of PEFT keeps the delta of a weight, as a table of formulas.

LoRA (arXiv 2106.09685), rsLoRA (2312.03732), DoRA (2402.09353), AdaLoRA (2303.10512), LoHa
(2108.06098) and LoKr (2212.10650). B is outputs x r and A is r x inputs whatever way round the base
keeps the weight, so that fan_in_fan_out only matters for merging.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from registry.checkpoints.dtypes import F64, DType, computable
from registry.checkpoints.tensors import Entry

if TYPE_CHECKING:
    from torch import Tensor

Matrices = Mapping[str, Any]
"""The matrices of one delta by their roles; MatrixShapes, where only its shape is asked for."""


class Factors(NamedTuple):
    """Two matrices whose product is a delta: outputs x r and r x inputs."""

    left: Any
    right: Any


@dataclass(frozen=True)
class Method:
    """How one kind of adapter keeps a delta; `factors` or `formula` gives it, outputs x inputs.

    Attributes:
        name: As reports call it.
        marks: Roles of which one must be there.
        rank_role: The matrix whose second dimension is the rank, None if none tells it.
        factors: Returns the left and right factor of a delta that is their product.
        formula: Returns a delta that is no such product.
    """

    name: str
    marks: tuple[str, ...]
    rank_role: str | None
    factors: Callable[[Matrices], Factors] | None = None
    formula: Callable[[Matrices], Any] | None = None

    def delta(self, matrices: Matrices) -> Any:
        """Return the delta, outputs x inputs, before it is scaled."""
        if self.factors:
            left, right = self.factors(matrices)
            return left @ right
        assert self.formula
        return self.formula(matrices)


def lora(matrices: Matrices) -> Factors:
    """Return B and A (LoRA, section 4.1)."""
    return Factors(matrices["lora_B"], matrices["lora_A"])


def lora_embedding(matrices: Matrices) -> Factors:
    """Return the factors of an embedding's delta, whose B A is inputs x outputs: transposed."""
    return Factors(matrices["lora_embedding_A"].T, matrices["lora_embedding_B"].T)


def adalora(matrices: Matrices) -> Factors:
    """Return B and diag(E) A: E are singular values (AdaLoRA, section 3.1)."""
    return Factors(matrices["lora_B"], matrices["lora_A"] * matrices["lora_E"])


def loha(matrices: Matrices) -> Any:
    """Return the Hadamard product of two low-rank products (LoHa, proposition 1)."""
    return whole(matrices, "hada_w1") * whole(matrices, "hada_w2")


def lokr(matrices: Matrices) -> Any:
    """Return the Kronecker product of two matrices (LoKr)."""
    return whole(matrices, "lokr_w1").kron(whole(matrices, "lokr_w2"))


def whole(matrices: Matrices, role: str) -> Any:
    """Return a matrix that is kept in one piece, or as the product of two."""
    if role in matrices:
        return matrices[role]
    return matrices[f"{role}_a"] @ matrices[f"{role}_b"]


ADALORA = Method("adalora", ("lora_E",), "lora_B", factors=adalora)
METHODS = (
    ADALORA,
    Method("lora", ("lora_B",), "lora_B", factors=lora),
    Method("lora", ("lora_embedding_B",), "lora_embedding_B", factors=lora_embedding),
    Method("loha", ("hada_w1_a",), "hada_w1_a", formula=loha),
    Method("lokr", ("lokr_w1", "lokr_w1_a"), None, formula=lokr),
)


def method_of(roles: Mapping[str, object]) -> Method:
    """Return the method that a module's tensors belong to.

    Raises:
        LookupError: Where they belong to none.
    """
    for method in METHODS:
        if any(mark in roles for mark in method.marks):
            return method
    raise LookupError(list(roles))


def matrix_shape(role: str, shape: tuple[int, ...], enabled: tuple[bool, ...]) -> tuple[int, ...]:
    """Return the shape that `as_matrix` gives a tensor.

    Raises:
        ValueError: Where the tensor is no grouped convolution that fits enable_lora.
    """
    if role != "lora_B" or len(shape) != 3:  # noqa: PLR2004  # the weight of a convolution
        return shape
    groups = sum(enabled)
    outputs, rank, kernel = shape
    if not groups or outputs % groups or kernel != 1:
        raise ValueError(shape)
    return len(enabled) * (outputs // groups), groups * rank


def read_factors(
    method: Method, parts: Mapping[str, Entry], matrices: Callable[[DType | None], Matrices]
) -> Factors:
    """Read the two factors of a delta: as arrays where they are its parts.

    Args:
        matrices: Reads the parts with torch, in a type or in their own.
    """
    assert method.factors
    if are_plain(method, parts.values()):
        return method.factors({role: part.array() for role, part in parts.items()})
    return method.factors(matrices(F64 if method is ADALORA else None))


def are_plain(method: Method, parts: Iterable[Entry]) -> bool:
    """Return whether a delta's factors are its parts, in types that can be computed in."""
    if method is ADALORA:  # A is multiplied by E
        return False
    for part in parts:
        is_matrix = len(part.shape) == 2  # noqa: PLR2004
        if not is_matrix or computable(part.dtype) != part.dtype:
            return False
    return True


def as_matrix(role: str, factor: "Tensor", enabled: tuple[bool, ...]) -> "Tensor":
    """Return B as it acts on the whole fused weight, with enable_lora; any other factor as it is.

    There B is the weight of a grouped convolution, enabled outputs x r x 1: its first run of rows
    takes A's first r rows, the next run the next r. The rows of the parts that are not enabled are
    zero.

    Returns:
        Outputs x (groups * r).
    """
    shape = matrix_shape(role, tuple(factor.shape), enabled)
    if shape == factor.shape:
        return factor
    groups = sum(enabled)
    rows, columns = shape
    whole_weight = factor.new_zeros(len(enabled), rows // len(enabled), groups, columns // groups)
    enabled_parts = [part for part, is_enabled in enumerate(enabled) if is_enabled]
    runs = factor.squeeze(2).chunk(groups)
    for group, (part, run) in enumerate(zip(enabled_parts, runs, strict=True)):
        whole_weight[part, :, group] = run
    return whole_weight.reshape(shape)
