"""Rushlight beside PyTorch and plain NumPy: `python -m benchmarks`."""
