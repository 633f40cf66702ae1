"""Whole families of ops as functions, derived from the registry; `functions.pyi` is generated too.

The package exports them all: `rl.exp(x)` is `x.exp()`.
"""

from rushlight.core.primitive import METHODS
from rushlight.ops import arrange, bits, elementwise, mathematics, pointwise, scan, sort

MODULES = (pointwise, elementwise, mathematics, bits, arrange, scan, sort)
FAMILIES = {module.__name__ for module in MODULES}

FUNCTIONS = {
    name: function
    for name, function in METHODS.items()
    if function.__module__ in FAMILIES and not name.startswith("__")
}
globals().update(FUNCTIONS)
