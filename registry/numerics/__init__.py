"""Arrays in, numbers out: moments, spectra, clusters, digests. No module knows what a model is."""
