"""The roles of weight matrices in a decoder layer, and how they meet the residual stream."""

# The seven projections, in the order of every 7-D vector.
PROJECTIONS = ("query", "key", "value", "output", "gate", "up", "down")

ATTENTION = frozenset({"query", "key", "value", "output"})

# Projections that read from the residual stream what their branch carries, by branch,
INWARD = {"value": "attention", "up": "mlp"}
# and those that write it back.
OUTWARD = {"output": "attention", "down": "mlp"}
WRITING = ("output", "down")
