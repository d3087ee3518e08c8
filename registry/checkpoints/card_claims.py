"""What a model's own card claims, read strictly: a card that cannot be read is an error here."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from registry.checkpoints.blob import Blob, LocalBlob
from registry.checkpoints.claim import Claim, Claimed
from registry.checkpoints.claims import (
    ADAPTER_CONFIG,
    CARD,
    claims_beside,
)
from registry.checkpoints.local import snapshot
from registry.checkpoints.model_card import BASE, CARD_HEAD, CONFIGS, FENCES, composed, head_lines
from registry.errors import CardNotFound, CardTooLarge, CardUnreadable, UnreadableFile

MOST = 1 << 24  # bytes of a card, its text and all
FIRST_LINE = 2  # of the head, from 1 on: a fence is above it
CHECKED = (Claimed.BASE_MODEL, Claimed.RELATION)
"""What weights can bear out or contradict."""


@dataclass(frozen=True)
class CardClaims:
    """What is claimed of the model in a folder.

    Attributes:
        folder: Where the card lies, and the weights that it is about.
        card: The card; None where configs alone claim something.
        claims: About base and relation, those of the card first.
        line: Where the card names its base, from 1 on; None where it does not.
    """

    folder: Path
    card: Path | None
    claims: tuple[Claim, ...]
    line: int | None = None


def card_claims(path: Path) -> CardClaims:
    """Return what a model's card claims, with the configs beside it.

    Args:
        path: The card, or the folder of the model.

    Raises CardNotFound, CardTooLarge, CardUnreadable, UnreadableFile.
    """
    try:
        is_folder = path.is_dir()
        folder = snapshot(path) if is_folder else path.parent
        card = folder / CARD if is_folder else path
        is_there = card.exists()
    except (OSError, ValueError) as exc:  # names that no file has, or a folder that is closed
        raise CardNotFound(path=str(path)) from exc
    files: dict[str, Blob] = {}
    for name in (*CONFIGS, ADAPTER_CONFIG):
        if (folder / name).is_file():
            files[name] = LocalBlob(folder / name, name)
    line = None
    if is_there:
        line = line_of_base(check_card(card))
        files[CARD] = LocalBlob(card, CARD)
    claims = claims_beside(files, own_name=folder.resolve().name)
    checked = tuple(claim for claim in claims if claim.claim in CHECKED)
    if not is_there and not (is_folder and checked):
        raise CardNotFound(path=str(card))
    return CardClaims(folder, card if is_there else None, checked, line)


def line_of_base(head: Any) -> int | None:
    """Return the line of a card on which its head names a base."""
    pairs = [] if head is None else head.value
    lines = [name.start_mark.line for name, _ in pairs if name.value == BASE]
    return lines[-1] + FIRST_LINE if lines else None


def check_card(path: Path) -> Any:
    """Return the head of a card as a node; None where it has none.

    Raises CardTooLarge, CardUnreadable or UnreadableFile for what is no card that can be read.
    """
    import yaml  # noqa: PLC0415  # only cards need it

    label = str(path)
    if not path.is_file():
        raise CardUnreadable(path=label, reason="it is not a regular file")
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            start = file.read(CARD_HEAD)
    except OSError as exc:
        raise UnreadableFile(path=label, reason=exc.strerror or exc) from exc
    if size > MOST:
        raise CardTooLarge(path=label, size=f"{size:,}", limit=f"{MOST:,}")
    if b"\0" in start:
        raise CardUnreadable(path=label, reason="it is no text")
    lines = head_lines(LocalBlob(path, CARD))
    if not lines or lines[0].rstrip() != FENCES[0]:
        return None
    block = lines[1:]
    ends = [place for place, line in enumerate(block) if line.rstrip() in FENCES]
    if not ends:
        raise CardUnreadable(path=label, reason="the block at its head has no end")
    try:
        node = composed("\n".join(block[: ends[0]]))
    except yaml.YAMLError as exc:
        reason = " ".join(str(exc).split())
        raise CardUnreadable(path=label, reason=f"its head is no YAML: {reason}") from exc
    if node is not None and node.id != "mapping":
        raise CardUnreadable(path=label, reason="its head is no table of keys and values")
    return node
