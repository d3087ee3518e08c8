"""Names and shapes of tensors become the roles they play: projections, the residual stream.

`layout.layout_of(checkpoint)` is the door.
"""
