"""What all else stands on: errors, dtypes, shapes, primitives and `bind`, modes, settings."""
