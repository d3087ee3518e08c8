"""The journeys of a user, one a file: each leads from a source to what is stored or answered.

resolve           what a user names becomes weights, a registered model or a stored fingerprint
ingest            a checkpoint into the registry
flush             fingerprints that waited in files into the registry
upgrade           registered models to fingerprints of the version that is computed now
identify          the verdict on a checkpoint; identify_quick reads no more than it needs
judge             which registered models a fingerprint is compared with
compare           two models without a database
adapters          adapters beside each other and their base
characteristic    the second paper: groups, laws of distances, LoRA initialisation
"""
