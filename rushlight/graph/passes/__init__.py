"""The passes: each takes a graph over and gives it back, of the same meaning at less cost."""
