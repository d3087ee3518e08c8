"""The roles of weight matrices in a decoder layer: the seven projections, and how they meet the residual stream."""

PROJECTIONS = (
    "query",
    "key",
    "value",
    "output",
    "gate",
    "up",
    "down",
)  # the order of every 7-D vector
INWARD = {
    "value": "attention",
    "up": "mlp",
}  # projections that read from the stream what their branch carries
OUTWARD = {"output": "attention", "down": "mlp"}  # and those that write it back
WRITING = ("output", "down")
