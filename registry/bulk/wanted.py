"""What is to be ingested: sources as they were listed, and what is known of each unread."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Wanted:
    """One source of a list.

    Attributes:
        source: A path or hub id, as for `registry ingest`.
        name: What to register it as; None for what a template, or the source itself, says.
        family: Of the model; None for what the run says.
        tags: Words to put on the model.
    """

    source: str
    name: str | None = None
    family: str | None = None
    tags: tuple[str, ...] = ()


@dataclass(frozen=True)
class Task:
    """One source with what its directory tells; no tensor was read for it.

    Attributes:
        wanted: The source, with its name.
        place: Its full path, or hub id.
        host: The machine or hub that it lies on.
        called: What it is called there; None where it is not known before it is read.
        stamp: Digest of all that decides whether reading it brings something new; None where that
            is not known before it is read.
        size: Bytes of its weights; None where they are not known.
        largest: Bytes of its largest tensor, or more.
        attempts: How often it was begun.
    """

    wanted: Wanted
    place: str
    host: str | None = None
    called: str | None = None
    stamp: str | None = None
    size: int | None = None
    largest: int = 0
    attempts: int = field(default=0, compare=False)

    @property
    def source(self) -> str:
        """The source as it was listed."""
        return self.wanted.source
