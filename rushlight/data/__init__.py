"""Data sets, text, and loaders of minibatches."""
