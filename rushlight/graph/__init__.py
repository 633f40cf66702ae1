"""The graph of a traced function: its form, the tracer, the printer and the NumPy interpreter."""
