"""Quantised tensors become plain ones, put together from their parts.

docs/quantised.md lists what is read.
"""

from registry.checkpoints.quantised.index import dequantised

__all__ = ["dequantised"]
