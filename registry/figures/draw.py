"""From names to a picture: what `registry plot` does."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from registry.errors import UnknownPicture, UnwritablePicture, WrongPicture
from registry.figures.kinds import KINDS
from registry.figures.style import save
from registry.fingerprints.record import Fingerprint

Find = Callable[[str, int], tuple[str, Fingerprint]]
"""Gives a model's name and fingerprint, by its name or source and a rank."""
TAKES = {
    "models": "models, by name or source",
    "nothing": "nothing",
    "answer": "the JSON file of one benchmark",
}


def write(find: Find, kind: str, models: Sequence[str], rank: int) -> str:
    """A picture in lines of text. Raises PictureError, and what finding a model raises."""
    return KINDS[kind].written(given(find, kind, models, rank), rank)


def draw(find: Find, kind: str, models: Sequence[str], rank: int, path: Path) -> None:
    """A picture in a file, .png or .svg, whole or not at all. Raises likewise."""
    if path.suffix not in (".png", ".svg"):
        raise UnknownPicture(path=str(path))
    picture = KINDS[kind].drawn(given(find, kind, models, rank), rank)
    draft = path.with_name(f".{path.stem}.draft{path.suffix}")
    try:
        save(picture, draft)
        draft.replace(path)
    except OSError as exc:
        raise UnwritablePicture(path=str(path), reason=exc.strerror) from exc
    finally:
        draft.unlink(missing_ok=True)


def given(find: Find, kind: str, models: Sequence[str], rank: int) -> Any:
    """What a kind takes. Raises WrongPicture."""
    takes = KINDS[kind].takes
    if takes == "models" and models:
        return [find(name, rank) for name in models]
    if takes == "nothing" and not models:
        return ()
    if takes == "answer" and len(models) == 1 and Path(models[0]).is_file():
        return answer_in(Path(models[0]), kind)
    raise WrongPicture(kind=kind, takes=TAKES[takes])


def answer_in(path: Path, kind: str) -> dict[str, Any]:
    """What a benchmark printed last. Raises WrongPicture where that is something else."""
    try:
        found = json.loads(path.read_text(encoding="utf-8").strip().splitlines()[-1])
        return {"ways": found["ways"], "steps": found["steps"]}
    except (ValueError, LookupError, TypeError) as exc:
        raise WrongPicture(kind=kind, takes=TAKES["answer"]) from exc
