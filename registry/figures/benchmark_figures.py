"""The one figure that shows no model but a benchmark: losses from benchmarks/lora_init.py.

That benchmark prints a table and, as its last line, a JSON object; this file reads that line.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from registry.errors import WrongPicture
from registry.figures.kinds import Takes
from registry.figures.style import figure, mark, plain


@dataclass(frozen=True)
class LossCurve:
    """Held-out loss, nats a token, at even distances of steps: mean, least and most of seeds."""

    mean: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]


@dataclass(frozen=True)
class LossCurves:
    """Losses during `steps` steps of training, by how the adapter was initialised."""

    steps: int
    curves: dict[str, LossCurve]


def read_losses(path: Path) -> LossCurves:
    """Read what the benchmark printed last into a file. Raises WrongPicture for any other file."""
    try:
        last_line = path.read_text(encoding="utf-8").strip().splitlines()[-1]
        return losses_of(json.loads(last_line))
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as exc:
        raise WrongPicture(kind="loss", takes=Takes.BENCHMARK.value) from exc


def losses_of(answer: dict[str, Any]) -> LossCurves:
    """Return the losses in a benchmark's answer. Raises LookupError where there are none."""
    curves = {}
    for initialisation, results in answer["ways"].items():
        curve = results["curve"]
        curves[initialisation] = LossCurve(
            mean=tuple(curve["mean"]), low=tuple(curve["low"]), high=tuple(curve["high"])
        )

    if not curves:
        raise LookupError("ways")
    return LossCurves(answer["steps"], curves)


def losses(measured: LossCurves) -> Figure:
    """Draw held-out loss by step for every initialisation, with its range over seeds (figure 9)."""
    drawn, (axes,) = figure("Held-out loss of an adapter, by its initialisation; bands: all seeds")

    for i, (initialisation, curve) in enumerate(measured.curves.items()):
        steps = np.linspace(0, measured.steps, len(curve.mean))
        axes.plot(steps, curve.mean, label=initialisation, markersize=3, **mark(i))
        axes.fill_between(steps, curve.low, curve.high, alpha=0.15, color=mark(i)["color"])

    axes.set(xlabel="step", ylabel="loss, nats a token")
    plain(axes)
    axes.legend(frameon=False)
    return drawn
