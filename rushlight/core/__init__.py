"""What everything else stands on: errors, dtypes, shapes, primitives and `bind`, modes, configuration."""
