"""Draws docs/images and writes figures.md: python docs/images.py [DATA], where DATA holds other people's models.

Pictures of the examples are drawn anew everywhere; those of other people's models, where DATA is given.
"""

import json
import sys
from pathlib import Path

import registry
from registry.figures.kinds import KINDS
from registry.figures.style import save
from registry.workflows.adapters import read_adapter

PAGES = Path(__file__).parent
EXAMPLES = PAGES.parent / "examples" / "checkpoints"
LOSSES = PAGES.parent / "benchmarks" / "results" / "lora-init-epyc-zen4-2-cores.json"
MODELS = ("llama-small", "qwen-small", "phi-small")
OF_EXAMPLES = (
    "densities",
    "std",
    "pca",
    "labels",
    "clusters",
    "distances",
    "laws",
    "generator",
    "loss",
)
CHECKPOINT = "checkpoints/saltyduckegg*"  # a trained Llama of five layers
OF_CHECKPOINT = ("densities", "labels", "pairs", "polar")
FORMATS = {"pairs": "png"}  # of 21 pictures in one
ADAPTERS = {  # other people's, by what they are called in the picture
    "bert, reviews": "JadeAnt*optimized_bert*", "gpt2, reviews": "JadeAnt*optimized_gpt2*",
    "Llama 3.2 1B, reviews": "JadeAnt*optimized_llama*", "TinyLlama, emotion": "justbautista*emotion*",
    "TinyLlama, therapist": "justbautista*therapist*",
}  # fmt: skip
OF_ADAPTERS = ("std", "clusters")
RUN = (
    "LaziestCactus*checkpoint-500_*",
    "LaziestCactus*checkpoint-2500_*",
    "LaziestCactus*checkpoint-7500_*",
)
PAGE = """# Figures

Drawn by `make images` (`python docs/images.py DATA` for those of other people's models). `registry plot KIND MODEL...`
draws the same of any model, `-o FILE` as .svg or .png, and without it in lines of text. Colours are Okabe and Ito's;
hatches, markers and dashes tell series apart in grey.
"""


def main() -> None:
    """Draw everything."""
    found = [(name, registry.fingerprint(EXAMPLES / name)) for name in MODELS]
    for kind in OF_EXAMPLES:
        given = (
            json.loads(LOSSES.read_text())
            if kind == "loss"
            else ()
            if kind == "generator"
            else found
        )
        save(KINDS[kind].drawn(given, 16), PAGES / "images" / f"{kind}.svg")
    if len(sys.argv) > 1:
        published(Path(sys.argv[1]))
        run(Path(sys.argv[1]))
    (PAGES / "figures.md").write_text(page(), encoding="utf-8")


def published(data: Path) -> None:
    """Other people's models."""
    folder = next(data.glob(CHECKPOINT))
    checkpoint = [("saltyduckegg", registry.fingerprint(folder))]
    for kind in OF_CHECKPOINT:
        path = PAGES / "images" / f"published-{kind}.{FORMATS.get(kind, 'svg')}"
        save(KINDS[kind].drawn(checkpoint, 16), path, dpi=50)
    seen = {
        name: read_adapter(str(next((data / "adapters").glob(pattern)))).delta
        for name, pattern in ADAPTERS.items()
    }
    for kind in OF_ADAPTERS:
        save(
            KINDS[kind].drawn([(name, own) for name, own in seen.items() if own], 16),
            PAGES / "images" / f"adapters-{kind}.svg",
        )


def run(data: Path) -> None:
    """The checkpoints of one adapter."""
    seen = [read_adapter(str(next((data / "adapters").glob(pattern)))) for pattern in RUN]
    points = [
        (str(each.run_step.step), each.delta) for each in seen if each.run_step and each.delta
    ]
    save(KINDS["paths"].drawn(points, 16), PAGES / "images" / "adapters-paths.svg")


def page() -> str:
    """figures.md: every kind with what it shows."""
    parts = [PAGE]
    for kind, row in KINDS.items():
        names = [
            f"{before}{kind}.{end}"
            for before in ("", "published-", "adapters-")
            for end in ("svg", "png")
        ]
        shown = [
            f"![{name}](images/{name})" for name in names if (PAGES / "images" / name).is_file()
        ]
        parts.append(f"## `{kind}`\n\nAs paper {row.shows}.\n\n" + "\n\n".join(shown) + "\n")
    return "\n".join(parts)


if __name__ == "__main__":
    main()
