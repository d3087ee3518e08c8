"""Postgres with pgvector: the schema, the embedded server, what is stored and what is found.

connection          the way in: from a URL, or none, to an engine
schema              the tables; the history of their changes is in migrations/
fingerprints, rows  records to rows and back
models, verdicts    what is registered, and the verdicts given at ingestion
nearest             the search for near models
admin, migrate      what `registry db` does
embedded/           the server that starts when a command needs it
"""
