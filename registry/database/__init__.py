"""Postgres with pgvector: the schema, the embedded server, what is stored and what is found.

connecting/   from an address to a transaction on a connection
embedded/     the server that starts when a command needs it
tables/       the tables; the history of their changes is in migrations/
stored/       models and their fingerprints, stored and read
lineage/      verdicts, edges, families, the tree, and what is claimed
searching/    the search by vectors, sketches and words, and its indexes
pages/        what a page shows at once
curating/     what people change, the log of it, and the way back
keeping/      upgrades, roles, dumps, runs, metrics, SQL, and what is wrong
"""
