"""The file formats that checkpoints come in."""
