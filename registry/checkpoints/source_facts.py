"""Where a source lies, how large it is and in which format: kept with the registered model."""

from dataclasses import dataclass


@dataclass(frozen=True)
class SourceFacts:
    """What is known of a source beside its name; None for what is not known.

    Attributes:
        place: Where it lies on its host, wherever a command was started: a full path, or a hub id.
        host: The hub's name, or this machine's for a file or folder.
        size: Bytes of the files of weights.
        format: What they are: safetensors, pickle, gguf, onnx or llama2.c.
    """

    place: str | None = None
    host: str | None = None
    size: int | None = None
    format: str | None = None


NOT_KNOWN = SourceFacts()
"""Of sources that an older registry stored."""
