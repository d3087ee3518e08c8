"""The endings of a dotted name: checkpoints of one model differ in what they put before a name."""


def suffixes(name: str, most: int | None = None) -> list[str]:
    """Return what is left of a dotted name after each dot, longest first: a.b.c, b.c, c.

    Args:
        name: A tensor's or module's name.
        most: Dotted parts, counted from the end, that are looked at; None for all of them.
    """
    parts = name.split(".")
    if most is not None:
        parts = parts[-most:]
    return [".".join(parts[start:]) for start in range(len(parts))]
