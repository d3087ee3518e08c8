"""Two fingerprints, what is alike in them, and what that means. Pure: no weights, no database.

pair                the way in: the verdict on two fingerprints
features            fingerprints as the arrays that are compared: matrix_columns holds those of
                    all matrices, layer_table says which stands where, unit_sketches and spectra
                    what they look like
comparison          the numbers that decide, each with its p-value from calibration's nulls
changes             what was done to the weights, in numbers (layer_sources, expert_matching,
                    matrix_pairs, tensor_pairs); change_kinds makes a list of kinds and amounts of
                    it: depth_changes, size_changes, reparameterisations, rotated, quantisation,
                    training_changes, outside_changes
judgement, verdict  from a comparison to a verdict, and the records that it consists of
kinship             the verdict among several relatives, with all of them ranked
weight_views, fits  (residuals) what one model leaves unexplained of another, in several views
relatives, mixtures, merge_shares  which explains most, which equally, and merges of any number
direction, right_angles, descent  which of two came first, and the records of that
adapter_base        which base an adapter fits; adapter_comparison compares adapters
"""
