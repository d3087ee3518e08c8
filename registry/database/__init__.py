"""Postgres with pgvector: the schema, the embedded server, what is stored and what is found."""
