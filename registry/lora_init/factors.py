"""LoRA factors shaped by a reference model's characteristic (paper 2509.00046, section 4).

Of every group of projections - a referenced one and its members - the factors A, over all layers,
come from one template by the distribution generator, and so do the factors B. Both are other than
zero, so that the model's output moves before the first step.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from registry.architectures.layout import ProjectionTensor, layout_of
from registry.architectures.roles import PROJECTIONS
from registry.characteristic import generator
from registry.characteristic.groups import Characteristic
from registry.characteristic.laws import POWER_LAW
from registry.checkpoints import Checkpoint
from registry.errors import NoTargets

STD = 0.02  # of templates and increments, as models draw their weights; the paper gives none


@dataclass(frozen=True)
class Plan:
    """How factors are drawn.

    Attributes:
        rank: Rank of the LoRA delta.
        alpha: The delta is scaled by alpha / rank.
        std: Standard deviation of the numbers in A and B.
        seed: The same seed gives the same adapter.
    """

    rank: int = 16
    alpha: float = 16.0
    std: float = STD
    seed: int = 0

    @property
    def scaling(self) -> float:
        """Return what B A is multiplied by."""
        return self.alpha / self.rank


@dataclass(frozen=True, eq=False)
class LoraFactors:
    """The factors of one weight, float32.

    Attributes:
        site: The weight that they belong to.
        a: rank x inputs.
        b: outputs x rank.
    """

    site: ProjectionTensor
    a: torch.Tensor
    b: torch.Tensor

    @property
    def module(self) -> str:
        """Return the name of the weight's module."""
        return module_of(self.site)

    def delta(self, scaling: float) -> torch.Tensor:
        """Return scaling B A, float32, in the shape in which the weight is stored."""
        product = scaling * (self.b @ self.a)
        return product.T if self.site.transposed else product


def module_of(site: ProjectionTensor) -> str:
    """Return the name of the module that holds a weight."""
    return site.entry.name.removesuffix(".weight")


def targeted(base: Checkpoint, targets: Sequence[str]) -> tuple[ProjectionTensor, ...]:
    """Return the weights of a base that are named as projections or as modules; all by default.

    Experts, and heads that are tensors of their own, are left out: no module of PEFT's stands for
    them. Raises NoTargets where a name means no weight.
    """
    layout = layout_of(base)
    adaptable = tuple(site for site in layout.projections if fills_a_module(site))
    if not adaptable:
        known = "no module that an adapter could change"
        raise NoTargets(base=base.source, target="any", known=known)

    if not targets:
        return adaptable

    meant: set[str] = set()
    for target in targets:
        names = {site.entry.name for site in adaptable if is_meant(site, target)}
        if not names:
            known = ", ".join(last_words(adaptable))
            raise NoTargets(base=base.source, target=target, known=known)
        meant |= names
    return tuple(site for site in adaptable if site.entry.name in meant)


def fills_a_module(site: ProjectionTensor) -> bool:
    """Return whether the weight is a whole module's, without experts."""
    if not site.entry.name.endswith(".weight"):
        return False
    if len(site.experts) != len(site.shapes):
        return False
    return all(expert is None for expert in site.experts)


def is_meant(site: ProjectionTensor, target: str) -> bool:
    """Return whether a target names the projection, its module, or the end of the module's name."""
    if target in site.parts:
        return True
    module = module_of(site)
    return module == target or module.endswith(f".{target}")


def last_words(sites: Sequence[ProjectionTensor]) -> list[str]:
    """Return the last words of the modules' names, each once."""
    words = set()
    for site in sites:
        *_, last = module_of(site).split(".")
        words.add(last)
    return sorted(words)


def initialise(
    sites: Sequence[ProjectionTensor], characteristic: Characteristic, plan: Plan
) -> Iterator[LoraFactors]:
    """Yield the factors of every weight. Raises LawNotReached.

    A fused weight (query, key and value in one) has one A, that of its first projection, and a B
    whose rows come from each projection.
    """
    vectors_a = draw_by_projection(sites, characteristic, plan, "A")
    vectors_b = draw_by_projection(sites, characteristic, plan, "B")
    used = dict.fromkeys(PROJECTIONS, 0)  # vectors of each projection, one for each weight

    for site in sites:
        first = site.parts[0]
        inputs = site.shapes[0][1]
        vector = vectors_a[first][used[first]]
        a = vector[: plan.rank * inputs].reshape(plan.rank, inputs)

        parts_of_b = []
        for projection, size in zip(site.parts, site.sizes, strict=True):
            vector = vectors_b[projection][used[projection]]
            numbers = vector[: size * plan.rank]
            parts_of_b.append(numbers.reshape(size, plan.rank))

        for projection in site.parts:
            used[projection] += 1
        tensor_a = torch.tensor(a, dtype=torch.float32)
        yield LoraFactors(site, tensor_a, joined(site, parts_of_b))


def joined(site: ProjectionTensor, parts: Sequence[np.ndarray]) -> torch.Tensor:
    """Return B, outputs x rank: its parts in the order in which the weight holds its outputs."""
    rank = parts[0].shape[1]
    grouped = [part.reshape(site.groups, -1, rank) for part in parts]
    rows = np.concatenate(grouped, axis=1).reshape(-1, rank)
    return torch.tensor(rows, dtype=torch.float32)


def draw_by_projection(
    sites: Sequence[ProjectionTensor], characteristic: Characteristic, plan: Plan, side: str
) -> dict[str, np.ndarray]:
    """Return a vector for each weight of every projection: weights x numbers.

    Args:
        side: "A", of rank times inputs numbers, or "B", of rank times outputs, of the largest
            weight.
    """
    random = np.random.default_rng([plan.seed, "AB".index(side)])
    lengths: dict[str, int] = {}
    counts: dict[str, int] = {}

    for site in sites:
        for projection, (outputs, inputs) in zip(site.parts, site.shapes, strict=True):
            width = inputs if side == "A" else outputs
            length = plan.rank * width
            lengths[projection] = max(length, lengths.get(projection, 0))
            counts[projection] = counts.get(projection, 0) + 1

    drawn: dict[str, np.ndarray] = {}
    for group in groups_present(characteristic, list(lengths)):
        longest = max(lengths[projection] for projection in group)
        template = generator.template(longest, random, plan.std)
        referenced, *members = group

        drawn[referenced] = generator.matrix(
            template[: lengths[referenced]],
            counts[referenced],
            generator.FUNCTIONS[POWER_LAW],
            random,
            std=plan.std,
        )
        for member in members:
            drawn[member] = generator.beside(
                drawn[referenced],
                template[: lengths[member]],
                POWER_LAW,
                random,
                std=plan.std,
                vectors=counts[member],
            )
    return drawn


def groups_present(characteristic: Characteristic, present: Sequence[str]) -> list[list[str]]:
    """Return the reference's groups as far as the base has their projections.

    A projection that the reference lacks is a group of its own.
    """
    kept = []
    grouped: set[str] = set()
    for group in characteristic.groups:
        projections = [group.referenced, *group.members]
        grouped.update(projections)
        common = [projection for projection in projections if projection in present]
        if common:
            kept.append(common)

    kept += [[projection] for projection in present if projection not in grouped]
    return kept
