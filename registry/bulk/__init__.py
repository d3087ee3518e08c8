"""Many sources at a time: listed, planned, shared out, and what became of each kept."""
