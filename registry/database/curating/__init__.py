"""What people change of registered models; the log of it, and the way back."""
