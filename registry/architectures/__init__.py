"""Names and shapes of tensors become the roles they play: which projection, where the residual stream is."""
