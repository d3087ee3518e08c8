"""The frozen record of a checkpoint's weights, and how it is computed.

from_source         the way in: from what a user names to a fingerprint; `compute` does the work
record, serialised  the frozen record, and its JSON
meter               schedules tensors over threads and a GPU (readahead, batches, device, timing)
matrix              measures one projection matrix; lora_deltas measures an adapter's B A
other_tensors       the records of all tensors that are no projection
clustering          clustering vectors with certain labels
branch_sketches     what layers add to the residual stream; subspace_sketches what they read of it
partial             a partial read, for `identify --quick`
outline             short vectors by which the database searches
"""
