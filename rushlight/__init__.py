"""Rushlight: neural networks that you can read, train and ship.

Everything public is listed in `__init__.pyi` and imported when it is first used.

>>> import rushlight as rl
>>> x = rl.tensor([1.0, 2.0], requires_grad=True)
>>> (x * x).sum().backward()
>>> x.grad
tensor([2., 4.])
"""

from rushlight._version import __version__ as __version__
from rushlight.core.lazy import attach

__all__ = attach(__name__)
