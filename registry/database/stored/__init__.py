"""Models and their fingerprints: stored, read, listed, and waiting to be stored."""
