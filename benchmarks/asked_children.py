"""Fresh children of random models of made_families, and who their relatives are among all."""

from dataclasses import dataclass

import numpy as np
from made_families import CLOSEST, FARTHEST, KINDS, Block, blocks, near, spread, unit_rows

ASKED = 200  # models that are looked up
SHORTLIST = 128
RELATIVE = 0.5  # cosine from which one is
PROJECTIONS = ["query", "key", "value", "output", "gate", "up", "down"]


@dataclass
class Asked:
    """Children of random models, and who their relatives are.

    outlines: by kind n x 256; parents: places among all models; best: cosines of the nearest
    SHORTLIST + 1 models and their places, by any kind of outline, found by looking at all.
    """

    parents: np.ndarray
    std: np.ndarray
    outlines: dict[str, np.ndarray]
    best: tuple[np.ndarray, np.ndarray]

    @classmethod
    def children(cls, count: int, seed: int) -> "Asked":
        """Draw ASKED models and make a child of each; who is nearest is not looked at yet."""
        draw = np.random.default_rng(seed + 1)
        parents = np.sort(draw.integers(0, count, ASKED))
        std, outlines = [], {kind: [] for kind in KINDS}
        for block in blocks(count, seed):
            chosen = parents[(parents >= block.first) & (parents < block.first + len(block))]
            places = chosen - block.first
            apart = np.exp(draw.uniform(np.log(CLOSEST), np.log(FARTHEST), len(places)))
            std.append(spread(block.std[places], 0.05 * np.sqrt(apart)[:, None], draw))
            for kind in KINDS:
                vectors = unit_rows(block.outlines[kind][places].astype(np.float32))
                outlines[kind].append(near(vectors, (1 - apart).astype(np.float32), draw))
        nothing = np.full((ASKED, SHORTLIST + 1), -2.0, np.float32)
        best = (nothing, np.zeros(nothing.shape, int))
        together = {kind: np.concatenate(vectors) for kind, vectors in outlines.items()}
        return cls(parents, np.concatenate(std), together, best)

    def look_at(self, block: Block) -> None:
        """Put a block's models among the nearest."""
        cosines = np.full((ASKED, len(block)), -2.0, np.float32)
        for kind in KINDS:
            products = self.outlines[kind] @ block.outlines[kind].astype(np.float32).T
            cosines = np.maximum(cosines, products)
        values = np.concatenate([self.best[0], cosines], 1)
        places = np.broadcast_to(block.first + np.arange(len(block)), cosines.shape)
        places = np.concatenate([self.best[1], places], 1)
        order = np.argsort(-values, 1, kind="stable")[:, : SHORTLIST + 1]
        self.best = (np.take_along_axis(values, order, 1), np.take_along_axis(places, order, 1))

    def relatives(self, place: int) -> set[int]:
        """Return who belongs into a shortlist: whose cosine is above that of the one left out."""
        values, places = self.best[0][place], self.best[1][place]
        least = max(RELATIVE, values[SHORTLIST] + 1e-3)
        return set(places[values > least].tolist())

    def parameters(self, place: int) -> dict:
        """Return what a shortlist is asked with."""
        written = {"std": self.std[place].tolist(), "projections": PROJECTIONS}
        for kind in KINDS:
            written[kind] = f"[{','.join(f'{x:.6g}' for x in self.outlines[kind][place])}]"
        return written
