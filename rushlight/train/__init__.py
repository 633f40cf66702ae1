"""Training: the `fit` loop, its history, its measures and its checkpoints."""

from rushlight.core.lazy import attach

__all__ = attach(__name__)
