"""How good answers are: measures of classes, of scores and of numbers, as plain floats and arrays.

All take the model's output first and the labels second, as tensors, arrays or lists.
"""

from rushlight.core.lazy import attach

__all__ = attach(__name__)
