"""The search: by vectors, sketches and words, and the indexes that it uses."""
