"""Children whose edit is known: what benchmarks/edits.py asks about."""
