"""Builds the zoo in a folder: `python -m zoo FOLDER`."""

import argparse
import warnings
from dataclasses import replace
from pathlib import Path

import torch
import transformers

from zoo.build import build
from zoo.recipes import SCALES
from zoo.roots import ROOTS


def main() -> None:
    """Train and derive what is asked for and not there yet."""
    parser = argparse.ArgumentParser(prog="python -m zoo", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--size", choices=SCALES, default="tiny", help="large is for a GPU")
    parser.add_argument("--only", help="these roots, by name, with commas between")
    parser.add_argument(
        "--steps", type=int, help="training steps of a root, in place of the size's own"
    )
    parser.add_argument("--roots", action="store_true", help="train these, derive nothing")
    parser.add_argument("--device", default="cpu")
    parser.add_argument(
        "--threads",
        type=int,
        default=1,
        help="one gives the same weights on every machine of a kind",
    )
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    warnings.filterwarnings("ignore", message=".*is_gradient_checkpointing", category=FutureWarning)
    names = set(options.only.split(",")) if options.only else {root.name for root in ROOTS}
    if unknown := names - {root.name for root in ROOTS}:
        parser.error(f"no such root: {', '.join(sorted(unknown))}")
    scale = SCALES[options.size]
    scale = replace(scale, steps=options.steps or scale.steps, device=options.device)
    chosen = [root for root in ROOTS if root.name in names]
    build(options.folder, chosen, scale, roots_alone=options.roots)


if __name__ == "__main__":
    main()
