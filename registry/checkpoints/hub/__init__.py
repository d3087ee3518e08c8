"""Models on a hub, read by HTTP range requests where they lie."""
