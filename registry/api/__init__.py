"""The Python face: a fingerprint without a database, and the registry as an object."""
