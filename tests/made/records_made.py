"""Fingerprints with every part that one can have."""

from dataclasses import replace

import numpy as np

from registry.fingerprints.record import Fingerprint, Tensor

OWN = 576  # numbers of a branch's sketch in the model's own axes
DIGEST = "0123456789abcdef" * 4


def whole(fingerprint: Fingerprint) -> Fingerprint:
    """The same with tensors outside the projections, own axes, zero matrices and a tied head."""
    draw = np.random.default_rng(0)
    own = tuple(draw.standard_normal(OWN).astype(np.float16).tolist())
    sketch = tuple(draw.standard_normal(16).astype(np.float32).tolist())
    first, *others = fingerprint.branches
    return replace(
        fingerprint,
        branches=(replace(first, own=own, scores=own[::-1]), *others),
        tensors=(
            Tensor("embed.weight", "embedding", None, (80, 64), 7.25, DIGEST, DIGEST, sketch),
            Tensor("layers.0.norm.weight", "norm", 0, (64,), 0.0, DIGEST, None, sketch),
            Tensor("scale", "other", None, (), 1.5, DIGEST, None, sketch),
        ),
        zero=("layers.3.up.weight", "layers.3.down.weight"),
        tied=True,
    )
