"""The weight registry: what a checkpoint comes from, told from its weights."""
