"""Take pictures of six pages at 1280 and 390 pixels, light and dark, for docs/images.

    python docs/screens.py

Of a registry that is made up: the examples, and fine-tunes of them. The tree and the map of
docs/images are drawn of it, too. Needs Chromium, playwright and Pillow.
"""

import io
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from PIL import Image
from playwright.sync_api import Browser, sync_playwright
from safetensors.torch import load_file, save_file

ROOT = Path(__file__).parents[1]
EXAMPLES = ROOT / "examples" / "checkpoints"
IMAGES = ROOT / "docs" / "images"
CLI = (sys.executable, str(ROOT / "cli.py"))
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
BASES = ("llama-small", "llama-tiny", "phi-small", "phi-tiny", "qwen-small", "qwen-tiny")
TUNED = {"chat": 0.05, "math": 0.08}
"""Fine-tunes, with their relative change; deeper layers change more."""
PAGES = {
    "models": "/models",
    "model": "/model/llama-small-math",
    "pair": "/pair/llama-small-chat/llama-small",
    "tree": "/model/llama-small/tree",
    "map": "/atlas",
    "report": "",
}
SCREENS = {1280: 960, 390: 844}
SCHEMES = ("light", "dark")
COLOURS = 128  # of a picture: enough for text and figures, and a third of the bytes
SERVING = re.compile(r"http://\S+")


def main() -> None:
    """Make the registry, serve it and take the pictures."""
    program = next(filter(None, map(shutil.which, BROWSERS)), None)
    if program is None:
        sys.exit("Chromium is needed to take pictures of pages.")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        environment = os.environ | {"REGISTRY_DATA_DIR": str(folder / "data")}
        environment.pop("REGISTRY_DATABASE_URL", None)
        fill(folder, environment)
        with served(environment) as address, sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
            for page, path in PAGES.items():
                url = f"{address.rstrip('/')}{path}" if path else (folder / "page.html").as_uri()
                take(browser, page, url)
            browser.close()


def fill(folder: Path, environment: dict[str, str]) -> None:
    """Ingest the examples and their fine-tunes; draw the map, the tree and a report."""
    sources = sorted(path for path in EXAMPLES.iterdir() if path.is_dir())
    for seed, base in enumerate(BASES):
        for number, (purpose, change) in enumerate(TUNED.items()):
            sources.append(tuned(folder, base, purpose, change, seed=10 * seed + number))

    commands = (
        ("ingest", *map(str, sources)),
        ("atlas",),
        ("report", "llama-small-math", "-o", str(folder / "page.html")),
        ("plot", "tree", "llama-small", "-o", str(IMAGES / "tree.svg")),
        ("plot", "atlas", "-o", str(IMAGES / "atlas.svg")),
    )
    for command in commands:
        subprocess.run([*CLI, *command], env=environment, cwd=folder, check=True)  # noqa: S603  # our own


def tuned(folder: Path, base: str, purpose: str, change: float, seed: int) -> Path:
    """Write a fine-tune of an example, with a card that says what it was made from."""
    draw = torch.Generator().manual_seed(seed)
    tensors = {}
    for name, tensor in weights_of(EXAMPLES / base).items():
        layer = re.search(r"layers\.(\d+)", name)
        depth = 1 + int(layer[1]) if layer else 1
        noise = torch.randn(tensor.shape, generator=draw) * tensor.float().std()
        amount = change * depth / 2 if tensor.dim() > 1 else 0.0  # norms stay
        tensors[name] = (tensor.float() + amount * noise).to(tensor.dtype)

    made = folder / f"{base}-{purpose}"
    made.mkdir()
    save_file(tensors, made / "model.safetensors")
    shutil.copy(EXAMPLES / base / "config.json", made)
    (made / "README.md").write_text(f"---\nbase_model: {base}\n---\n", encoding="utf-8")
    return made


def weights_of(folder: Path) -> dict[str, torch.Tensor]:
    """Return the tensors of all files of a folder."""
    tensors = {}
    for file in sorted(folder.glob("*.safetensors")):
        tensors |= load_file(file)
    return tensors


@contextmanager
def served(environment: dict[str, str]) -> Iterator[str]:
    """Serve the registry; yield the page's address."""
    command = [*CLI, "serve", "--port", "0"]
    process = subprocess.Popen(  # noqa: S603  # our own
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    try:
        for line in process.stdout or ():
            address = SERVING.search(line)
            if address:
                yield address[0]
                break
    finally:
        process.terminate()
        process.wait()


def take(browser: Browser, name: str, url: str) -> None:
    """Take pictures of a page, with all of its own that the screen shows."""
    for width, height in SCREENS.items():
        for scheme in SCHEMES:
            page = browser.new_page(
                viewport={"width": width, "height": height},
                color_scheme=scheme,  # type: ignore[arg-type]
            )
            page.goto(url, wait_until="networkidle")
            shown = page.screenshot()
            page.close()
            picture = Image.open(io.BytesIO(shown)).convert("RGB").quantize(COLOURS)
            picture.save(IMAGES / f"page-{name}-{width}-{scheme}.png", optimize=True)


if __name__ == "__main__":
    main()
