"""Data sets, text, and loaders of minibatches.

>>> from rushlight import data
>>> len(data.DataLoader(data.Dataset(range(10)), batch_size=4))
3
"""

from rushlight.core.lazy import attach

__all__ = attach(__name__)


def __dir__() -> list[str]:
    return __all__
