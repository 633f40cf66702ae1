"""The passes: each takes a graph and gives a new one of the same meaning that costs less."""
