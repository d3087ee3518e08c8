"""Draw docs/images, and take pictures of the web page.

    python docs/images.py [DATA]

Figures of the examples are always drawn, those of published models where DATA, a folder of them, is
given. docs/screens.py takes the pictures, of a registry that it makes up, where there is Chromium.
"""

import subprocess
import sys
from pathlib import Path

import registry
from registry.figures.benchmark_figures import read_losses
from registry.figures.draw import as_figure
from registry.figures.kinds import Subject
from registry.figures.style import DOTS, save
from registry.workflows.adapters import read_adapter

PAGES = Path(__file__).parent
EXAMPLES = PAGES.parent / "examples" / "checkpoints"
LOSSES = PAGES.parent / "benchmarks" / "results" / "lora-init-epyc-zen4-2-cores.json"
MODELS = ("llama-small", "qwen-small", "phi-small")
PAIR = ("llama-tiny-code", "llama-tiny")
OF_EXAMPLES = (
    "densities",
    "std",
    "pca",
    "labels",
    "clusters",
    "spectra",
    "distances",
    "laws",
    "generator",
    "loss",
)
CHECKPOINT = "checkpoints/saltyduckegg*"  # a trained Llama of five layers
OF_CHECKPOINT = ("densities", "labels", "pairs", "polar")
FORMATS = {"pairs": "png"}  # of 21 pictures in one
ADAPTERS = {  # other people's, by what they are called in the picture
    "bert, reviews": "JadeAnt*optimized_bert*",
    "gpt2, reviews": "JadeAnt*optimized_gpt2*",
    "Llama 3.2 1B, reviews": "JadeAnt*optimized_llama*",
    "TinyLlama, emotion": "justbautista*emotion*",
    "TinyLlama, therapist": "justbautista*therapist*",
}
OF_ADAPTERS = ("std", "clusters")
RUN = (
    "LaziestCactus*checkpoint-500_*",
    "LaziestCactus*checkpoint-2500_*",
    "LaziestCactus*checkpoint-7500_*",
)


def main() -> None:
    """Draw everything."""
    models = tuple((name, registry.fingerprint(EXAMPLES / name)) for name in MODELS)
    subject = Subject(models, losses=read_losses(LOSSES))
    for kind in OF_EXAMPLES:
        draw(kind, subject, f"{kind}.svg")

    pair = tuple((name, registry.fingerprint(EXAMPLES / name)) for name in PAIR)
    draw("layers", Subject(pair), "layers.svg")
    if len(sys.argv) > 1:
        published(Path(sys.argv[1]))
        run(Path(sys.argv[1]))
    subprocess.run([sys.executable, PAGES / "screens.py"], check=True)  # noqa: S603  # our own


def draw(kind: str, subject: Subject, name: str, dpi: int = DOTS) -> None:
    """Draw a figure into docs/images."""
    path = PAGES / "images" / name
    save(as_figure(kind, subject), path, path.suffix, dpi=dpi)


def published(data: Path) -> None:
    """Draw other people's models and adapters."""
    folder = next(data.glob(CHECKPOINT))
    checkpoint = Subject((("saltyduckegg", registry.fingerprint(folder)),))
    for kind in OF_CHECKPOINT:
        draw(kind, checkpoint, f"published-{kind}.{FORMATS.get(kind, 'svg')}", dpi=50)

    adapters = []
    for name, pattern in ADAPTERS.items():
        delta = read_adapter(str(next((data / "adapters").glob(pattern)))).delta
        if delta:
            adapters.append((name, delta))
    for kind in OF_ADAPTERS:
        draw(kind, Subject(tuple(adapters)), f"adapters-{kind}.svg")


def run(data: Path) -> None:
    """Draw the checkpoints of one adapter."""
    points = []
    for pattern in RUN:
        adapter = read_adapter(str(next((data / "adapters").glob(pattern))))
        if adapter.run_step and adapter.delta:
            points.append((str(adapter.run_step.step), adapter.delta))
    draw("paths", Subject(tuple(points)), "adapters-paths.svg")


if __name__ == "__main__":
    main()
