"""Names and shapes of tensors become the roles they play: projections, the residual stream.

layout                            the way in: `layout_of(checkpoint)`, for models and adapters
names, name_table                 what a tensor is by its name; the names stand in projections.toml
model_layout, projection_tensors  the seven projections of every layer
fused, orientation                how a fused tensor is cut, and which way round weights are stored
tensor_groups                     what all other tensors do, by tensor_groups.toml
residual_stream                   its width, tokens and norms, by residual_stream.toml
adapter_layout, adapter_merge     the projections of LoRA deltas, and a base with an adapter merged
inspection                        what a checkpoint holds, for `registry inspect`
roles                             the seven projections
"""
