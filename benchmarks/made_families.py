"""Synthetic models by family, in blocks of numpy arrays: what a search reads of a million models.

Family sizes follow a power law. Children of a family's root, and grandchildren, share its outlines with cosines of
0.6 to 0.999; some have another vocabulary or a rotated residual stream, so that one kind of outline is lost. Roots are
unrelated: random directions, std vectors around the recipes of a few hundred organisations.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

KINDS = ("start", "stream", "token")
SIZE_EXPONENT, LARGEST = 1.8, 5_000
"""A family has s models with a probability that falls as s ** -SIZE_EXPONENT, up to LARGEST."""
CLOSEST, FARTHEST = 0.001, 0.4  # 1 - cosine of a child's outlines to its parent's, log-uniform
GRANDCHILDREN = 0.3  # of the models that are no roots
NEW_VOCABULARY, ROTATED = 0.05, 0.03  # of these, that lose an outline
RECIPES = 300
NUMBERS = {"start": 256, "stream": 256, "token": 256, "own": 64}


@dataclass(frozen=True)
class Block:
    """Models of whole families, roots before their children.

    family: n numbers of families. root: whether a model is its family's first. parent: place of the
    parent in the block, its own of a root. std, shares: n x 7. outlines: by kind n x 256 (own:
    64), unit vectors in half precision.
    """

    first: int
    family: np.ndarray
    root: np.ndarray
    parent: np.ndarray
    std: np.ndarray
    shares: np.ndarray
    outlines: dict[str, np.ndarray]

    def __len__(self) -> int:
        return len(self.family)

    def parted(self, count: int) -> "list[Block]":
        """Return two blocks, of which the first has so many models, and the rest of a family."""
        if len(self) <= count:
            return [self]
        end = int(np.searchsorted(self.family, self.family[count - 1], side="right"))
        return [self.part(slice(0, end)), self.part(slice(end, None))]

    def part(self, place: slice) -> "Block":
        """Return the models of whole families that stand one after the other."""
        outlines = {kind: vectors[place] for kind, vectors in self.outlines.items()}
        return Block(
            self.first + place.start,
            self.family[place],
            self.root[place],
            self.parent[place] - place.start,
            self.std[place],
            self.shares[place],
            outlines,
        )


def family_sizes(count: int, draw: np.random.Generator) -> np.ndarray:
    """Return sizes of families that add up to a count."""
    sizes = np.arange(1, LARGEST + 1)
    chances = sizes**-SIZE_EXPONENT
    drawn = draw.choice(sizes, size=count, p=chances / chances.sum())
    families = int(np.searchsorted(drawn.cumsum(), count)) + 1
    drawn = drawn[:families]
    drawn[-1] -= drawn.sum() - count
    return drawn


def unit_rows(vectors: np.ndarray) -> np.ndarray:
    """Return rows scaled to length 1."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors / lengths


def near(vectors: np.ndarray, cosines: np.ndarray, draw: np.random.Generator) -> np.ndarray:
    """Return unit vectors at given cosines from unit vectors, in random directions."""
    noise = draw.standard_normal(vectors.shape, np.float32)
    noise -= (noise * vectors).sum(1, keepdims=True) * vectors
    noise = unit_rows(noise)
    sines = np.sqrt(1 - cosines**2)
    return (cosines[:, None] * vectors + sines[:, None] * noise).astype(np.float32)


def blocks(count: int, seed: int = 0, size: int = 20_000) -> Iterator[Block]:
    """Yield models until there are `count`, about `size` at a time, the same for the same seed."""
    draw = np.random.default_rng(seed)
    recipes = np.exp(draw.normal(-4, 0.35, (RECIPES, 7)))
    own_profile = np.exp(draw.normal(0, 0.5, NUMBERS["own"]))
    sizes = family_sizes(count, draw)

    start = 0
    first = 0
    while start < len(sizes):
        stop = start + max(1, int(np.searchsorted(sizes[start:].cumsum(), size)))
        families = np.arange(start, min(stop, len(sizes)))
        block = block_of(first, families, sizes[families], recipes, own_profile, draw)
        yield block
        start = stop
        first += len(block)


def block_of(
    first: int,
    families: np.ndarray,
    sizes: np.ndarray,
    recipes: np.ndarray,
    own_profile: np.ndarray,
    draw: np.random.Generator,
) -> Block:
    """Return the models of some families."""
    family = np.repeat(families, sizes)
    starts = np.repeat(sizes.cumsum() - sizes, sizes)  # place of each model's root
    places = np.arange(len(family))
    root = places == starts

    within = places - starts
    grandchild = (draw.random(len(family)) < GRANDCHILDREN) & (within > 1)
    older = starts + 1 + (draw.random(len(family)) * (within - 1)).astype(int)
    older = np.where(within > 1, older, starts)
    parent = np.where(grandchild & ~grandchild[older], older, starts)
    generations = (root, ~root & (parent == starts), ~root & (parent != starts))

    apart = np.exp(draw.uniform(np.log(CLOSEST), np.log(FARTHEST), len(family)))
    lost = draw.random(len(family))
    outlines = {}
    for kind in KINDS:
        vectors = np.zeros((len(family), NUMBERS[kind]), np.float32)
        count = int(root.sum())
        roots = draw.standard_normal((count, NUMBERS[kind]), np.float32)
        vectors[root] = unit_rows(roots)
        for members in generations[1:]:
            cosines = 1 - np.clip(apart[members] * draw.uniform(0.7, 1.3, members.sum()), 0, 0.4)
            if kind == "token":
                cosines[lost[members] < NEW_VOCABULARY] = 0
            else:
                cosines[lost[members] > 1 - ROTATED] = 0
            vectors[members] = near(vectors[parent[members]], cosines.astype(np.float32), draw)
        outlines[kind] = vectors.astype(np.float16)

    recipe = recipes[draw.integers(0, len(recipes), len(families))]
    std = spread(recipe, 0.15, draw)[family - families[0]]
    changes = np.where(root, 0, 0.05 * np.sqrt(apart))
    std = spread(std, changes[:, None], draw)
    own = spread(np.tile(own_profile, (len(families), 1)), 0.15, draw)[family - families[0]]
    own = spread(own, changes[:, None], draw)
    outlines["own"] = unit_rows(own).astype(np.float16)
    shares = spread(np.full((len(families), 7), 0.378), 0.2, draw)[family - families[0]]
    shares = unit_rows(spread(shares, changes[:, None], draw))
    return Block(first, family, root, parent, std, shares, outlines)


def spread(
    vectors: np.ndarray, deviation: float | np.ndarray, draw: np.random.Generator
) -> np.ndarray:
    """Return vectors times log-normal factors."""
    factors = np.exp(deviation * draw.standard_normal(vectors.shape))
    return vectors * factors
