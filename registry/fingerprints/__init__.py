"""The frozen record of a checkpoint's weights, and how it is computed."""
