"""The journeys of a user, one a file: each leads from a source to what is stored or answered."""
