"""Postgres with pgvector: the schema, the embedded server, what is stored and what is found.

connection             the way in: from a URL, or none, to an engine
addresses              a URL taken apart, and what of it may be shown
engines                how we connect, and in which form answers come
reading_pool           many short questions at a time, by connections that read alone
transactions           a transaction, run once more where the connection is lost
bounds, patience       timeouts of transactions, and connections that are waited for
waits                  whom a session waits for, told while it does
spool                  fingerprints that wait in files for the database
failures               what the driver says went wrong, as one of our errors
columns                whether all tables and columns are there
schema, column_types   the tables; the history of their changes is in migrations/
fingerprints, rows     records to rows and back
names, text_limits     what may be stored as text, and how long it may be
fingerprint_rows       the rows of one fingerprint, added or replaced
versions               models whose fingerprints are of another version
compared_models, wire  what comparisons read, in the bytes that the server sends
models, verdicts       what is registered, and the verdicts given at ingestion
characteristics        the second paper's groups of projections
nearest                the search by the papers' vectors and by recipes
near_sketches          the search by outlines, branches and spaces
near_models            the records that searches answer with
admin, migrate         what `registry db` does
embedded/              the server that starts when a command needs it
"""
