"""LoRA factors that start in the shape of a reference model's characteristic (paper 2509.00046, section 4).

Of every group of projections - a referenced one and its members - the factors A, over all layers, come from one
template by the distribution generator, and so do the factors B. Both are other than zero, so that the model's output
moves before the first step.
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
SIDES = ("A", "B")


@dataclass(frozen=True)
class Plan:
    """rank: of the update. alpha: its scaling is alpha / rank. std: of A and B. seed: the same gives the same."""

    rank: int = 16
    alpha: float = 16.0
    std: float = STD
    seed: int = 0

    @property
    def scaling(self) -> float:
        """What B A is multiplied by."""
        return self.alpha / self.rank


@dataclass(frozen=True, eq=False)
class Start:
    """The update of one weight: `site` is where it belongs, a: rank x inputs, b: outputs x rank, both float32."""

    site: ProjectionTensor
    a: torch.Tensor
    b: torch.Tensor

    @property
    def module(self) -> str:
        """The module of the weight."""
        return self.site.entry.name.removesuffix(".weight")

    def update(self, scaling: float) -> torch.Tensor:
        """What is added to the weight as it is stored, float32."""
        change = scaling * (self.b @ self.a)
        return change.T if self.site.transposed else change


def targeted(base: Checkpoint, targets: Sequence[str]) -> tuple[ProjectionTensor, ...]:
    """The weights of a base that are named as projections or as modules; all of them where nothing is named.

    Experts, and heads that are tensors of their own, are left out: no module of PEFT's stands for them.
    Raises NoTargets.
    """
    sites = [site for site in layout_of(base).projections if single(site)]
    for target in targets:
        if not any(meant(site, target) for site in sites):
            modules = sorted(
                {site.entry.name.removesuffix(".weight").rpartition(".")[2] for site in sites}
            )
            raise NoTargets(base=base.source, target=target, known=", ".join(modules))
    found = tuple(
        site for site in sites if not targets or any(meant(site, target) for target in targets)
    )
    if not found:
        raise NoTargets(
            base=base.source, target="any", known="no module that an adapter could change"
        )
    return found


def single(site: ProjectionTensor) -> bool:
    """Whether one module holds it."""
    return len(site.shapes) == len(site.experts) == site.experts.count(
        None
    ) and site.entry.name.endswith(".weight")


def meant(site: ProjectionTensor, target: str) -> bool:
    """Whether a target is the name of the projection, of its module, or of the end of that."""
    module = site.entry.name.removesuffix(".weight")
    return target in site.parts or module == target or module.endswith("." + target)


def initialise(
    sites: Sequence[ProjectionTensor], characteristic: Characteristic, plan: Plan
) -> Iterator[Start]:
    """The factors of every weight. Raises LawNotReached."""
    drawn = {side: drawn_by_projection(sites, characteristic, plan, side) for side in SIDES}
    taken = dict.fromkeys(PROJECTIONS, 0)
    for site in sites:
        places = [(part, taken[part]) for part in site.parts]
        for part in site.parts:
            taken[part] += 1
        inputs = site.shapes[0][1]
        a = drawn["A"][site.parts[0]][places[0][1], : plan.rank * inputs].reshape(plan.rank, inputs)
        rows = [
            drawn["B"][part][place, : size * plan.rank].reshape(size, plan.rank)
            for (part, place), size in zip(places, site.sizes, strict=True)
        ]
        yield Start(site, torch.tensor(a, dtype=torch.float32), joined(site, rows))


def joined(site: ProjectionTensor, rows: Sequence[np.ndarray]) -> torch.Tensor:
    """The parts of B in the order in which the weight holds its outputs."""
    grouped = [part.reshape(site.groups, -1, part.shape[1]) for part in rows]
    return torch.tensor(
        np.concatenate(grouped, axis=1).reshape(-1, rows[0].shape[1]), dtype=torch.float32
    )


def drawn_by_projection(
    sites: Sequence[ProjectionTensor], characteristic: Characteristic, plan: Plan, side: str
) -> dict[str, np.ndarray]:
    """Of every projection a vector for each of its weights: layers x (rank times inputs, or times outputs)."""
    shapes = [
        (part, shape) for site in sites for part, shape in zip(site.parts, site.shapes, strict=True)
    ]
    lengths = {
        part: plan.rank * max(s[side == "A"] for p, s in shapes if p == part) for part, _ in shapes
    }
    counts = {part: sum(p == part for p, _ in shapes) for part in lengths}
    random = np.random.default_rng([plan.seed, SIDES.index(side)])
    drawn: dict[str, np.ndarray] = {}
    for group in groups_of(characteristic, lengths):
        template = generator.template(max(lengths[part] for part in group), random, plan.std)
        for part in group:
            own = template[: lengths[part]]
            first = drawn.get(group[0])
            drawn[part] = (
                generator.matrix(
                    own, counts[part], generator.FUNCTIONS[POWER_LAW], random, plan.std
                )
                if first is None
                else generator.beside(first, own, POWER_LAW, random, plan.std, counts[part])
            )
    return drawn


def groups_of(characteristic: Characteristic, present: dict[str, int]) -> list[list[str]]:
    """The groups of the reference as far as the base has them; what the reference lacks stands alone."""
    known = [[group.referenced, *group.members] for group in characteristic.groups]
    alone = [[part] for part in present if not any(part in group for group in known)]
    kept = [[part for part in group if part in present] for group in known + alone]
    return [group for group in kept if group]
