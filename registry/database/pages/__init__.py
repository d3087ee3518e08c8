"""What a page shows at once, of registries of any size."""
