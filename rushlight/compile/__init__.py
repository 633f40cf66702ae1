"""`rl.compile`: a function traced once per shape, then run as a graph."""
