"""Two fingerprints, what is alike in them, and what that means. Pure: no weights, no database."""
