"""Arrays in, numbers out: moments, spectra, clusters, digests. No module knows what a model is.

moments, passes             power sums as exact integers, from one pass over a tensor
spectrum                    top-r singular values with error bounds, by lanczos or gram_spectrum
kmeans, label_certainty     K-Means without a seed, and which of its labels are certain
sketches, flat_sketches     random projections that keep cosines and lengths
lowrank                     moments and spectra of B A from the factors
student                     tails of the t distribution
assignment                  rows to columns with the largest sum
histograms, digest          counts of values, SHA-256 of values
compiled/                   the same as numba kernels, for large tensors
"""
