"""The C of kernels, as text."""
