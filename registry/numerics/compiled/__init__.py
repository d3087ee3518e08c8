"""The same numerics as compiled kernels, for tensors large enough to be worth it."""
