"""What the tokens' embedding is called, without what reading it needs."""

from functools import cache

from registry.data import load


@cache
def embedding_names() -> tuple[str, ...]:
    """Return the names of tokens' embeddings, the likeliest first (residual_stream.toml)."""
    return tuple(load("registry.architectures", "residual_stream.toml")["embedding"])
