"""Runs in the peers' own environment, one job a process; the last line of stdout is JSON.

    python peer_jobs.py watch FOLDER                 WeightWatcher.analyze of the projections: its seconds
    python peer_jobs.py fill FINGERPRINT DB COUNT    so many of modelDNA's fingerprints, made from one

What is made from a fingerprint is as unrelated to it as its numbers can be: each of them is drawn anew, with the
mean and the spread that they have there.
"""

import contextlib
import io
import json
import logging
import sys
import time
import warnings
from itertools import combinations
from pathlib import Path

import numpy as np

FAMILIES = 6  # whose pairs make the background that modelDNA keeps beside its fingerprints


def main() -> None:
    """Do a job and print what came of it."""
    job, *arguments = sys.argv[1:]
    answer = {"watch": watch, "fill": fill}[job](*arguments)
    print(json.dumps(answer))


def watch(folder: str) -> dict[str, float]:
    """Seconds that WeightWatcher takes; the import and the building of its model are not counted."""
    silence = io.StringIO()
    with (
        contextlib.redirect_stdout(silence),
        contextlib.redirect_stderr(silence),
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("ignore")
        from weightwatcher import WeightWatcher  # noqa: PLC0415  # it prints what it lacks

        logging.disable(logging.WARNING)
        watcher = WeightWatcher(model=linears(Path(folder)))
        begun = time.perf_counter()
        watcher.analyze()
        return {"seconds": time.perf_counter() - begun}


def linears(folder: Path):  # noqa: ANN201  # torch is imported for one of the jobs alone
    """The projections as a user's model has them: nn.Linear in float32."""
    import torch  # noqa: PLC0415
    from safetensors.torch import load_file  # noqa: PLC0415

    model = torch.nn.Module()
    for path in sorted(folder.glob("*.safetensors")):
        for name, weight in load_file(path).items():
            if "_proj" in name:
                outputs, inputs = weight.shape
                linear = torch.nn.Linear(inputs, outputs, bias=False, device="meta")
                linear.weight = torch.nn.Parameter(weight.float(), requires_grad=False)
                model.add_module(name.removesuffix(".weight").replace(".", "_"), linear)
    return model


def fill(fingerprint: str, folder: str, count: str) -> dict[str, int]:
    """Store the fingerprint and unrelated ones of its shapes, and the background that modelDNA would reckon."""
    from modeldna.calibration import Background  # noqa: PLC0415
    from modeldna.compare import compare_fingerprints  # noqa: PLC0415
    from modeldna.db.store import ReferenceDB  # noqa: PLC0415
    from modeldna.fingerprint.extract import Fingerprint  # noqa: PLC0415

    base = Fingerprint.load(fingerprint)
    known = ReferenceDB(folder)
    made = [base]
    for seed in range(1, int(count)):
        numbers = drawn_anew(base.to_dict(), np.random.default_rng(seed))
        made.append(Fingerprint.from_dict(numbers | {"model_id": f"made/unrelated-{seed}"}))
    for place, model in enumerate(made):
        known.add(model, family=f"family-{place}", overwrite=True)

    background = Background()
    for one, other in combinations(made[1:FAMILIES], 2):
        background.add(compare_fingerprints(one, other).features())
    (known.root / "background.json").write_text(json.dumps(background.to_dict()))
    return {"models": len(known)}


def drawn_anew(part, draw: np.random.Generator):  # noqa: ANN001, ANN201  # whatever JSON holds
    """The same lists of numbers, drawn anew; what is no list of numbers stays."""
    if isinstance(part, dict):
        return {key: drawn_anew(value, draw) for key, value in part.items()}
    if isinstance(part, list) and part and all(isinstance(value, float) for value in part):
        values = np.array(part)
        return (values.mean() + values.std() * draw.standard_normal(len(values))).tolist()
    return part


if __name__ == "__main__":
    main()
