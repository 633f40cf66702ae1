"""The pointwise ops as functions, derived from the registry; `functions.pyi` is generated from it.

The package exports them all: `rl.exp(x)` is `x.exp()`.
"""

from rushlight.core.primitive import METHODS
from rushlight.ops import bits, elementwise, mathematics, pointwise

FAMILIES = {module.__name__ for module in (pointwise, elementwise, mathematics, bits)}

FUNCTIONS = {
    name: function
    for name, function in METHODS.items()
    if function.__module__ in FAMILIES and not name.startswith("__")
}
globals().update(FUNCTIONS)
