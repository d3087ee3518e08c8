"""Arrays in, numbers out: moments, spectra, clusters, digests. Nothing here knows what a model is."""
