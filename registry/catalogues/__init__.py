"""Fingerprints on their way from one registry to another, in one file without weights.

columns       what a catalogue holds, and as which types of Arrow
sent          what Postgres sends in binary, as columns of Arrow
fields        columns of Arrow as COPY takes them in binary
flat          the tables of some models, with the models that their rows belong to
copying       rows into tables and out of them
reading       models out of the registry
writer        models into a file
export        which models, and how many at a time
opened        a file of unknown origin, within limits
pages         its pages, before they are unpacked
documents     what its JSON must read back as
checks        what its content must have in common with what a registry stores
records       a row as the record of a fingerprint
decisions     what is to become of each model
outcomes      what became of it
bulk          many models at once
new_models    models that are not registered
known_models  models that are
edge_store    the edges between them
verdict_store  what is said of new ones
importing     all of it in one transaction
"""
