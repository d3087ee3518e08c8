"""What a file is by its first bytes, for names that do not tell."""

import re

from registry.checkpoints.blob import Blob, read_bytes

# Formats that are known and not read, by the bytes at an offset.
UNREAD_SIGNATURES = {
    (0, b"lmgg"): "GGML, which GGUF replaced in 2023",
    (0, b"fmgg"): "GGML, which GGUF replaced in 2023",
    (0, b"tjgg"): "GGML, which GGUF replaced in 2023",
    (257, b"ustar"): "a tar archive, as torch wrote before 0.1.10",
}
SIGNED = 512  # bytes in which all of them lie
WEB_PAGE = re.compile(rb"\s*<(!doctype html|html[\s>])", re.IGNORECASE)
LONGEST_HEADER = 1 << 32  # bytes of a safetensors header that a file without a suffix may claim


def format_of(blob: Blob) -> str | None:
    """Return the suffix of the format that a file has by its first bytes; None for no weights."""
    head = read_bytes(blob, 0, min(16, blob.size))
    if head.startswith(b"GGUF"):
        return "gguf"
    if head.startswith(b"PK\x03\x04"):
        return "pt"
    is_table = head[8:10] in (b'{"', b"{ ", b"{\n")
    if is_table and int.from_bytes(head[:8], "little") < LONGEST_HEADER:
        return "safetensors"
    return None
