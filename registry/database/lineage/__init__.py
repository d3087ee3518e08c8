"""Where models come from: verdicts, edges, families, the tree, and what is claimed."""
