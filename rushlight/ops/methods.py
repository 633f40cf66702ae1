"""The methods of Tensor, derived from the registry. `methods.pyi` is generated from it too."""

from rushlight.core.primitive import METHODS, Value
from rushlight.ops import (
    arrange,
    bits,
    composite,
    conv,
    einsum,
    elementwise,
    gather,
    indexing,
    mathematics,
    matmul,
    movement,
    order,
    pool,
    random,
    reduce,
    scan,
    sort,
)

# Importing these fills the registry, of primitives as of methods.
MODULES = (
    elementwise,
    mathematics,
    bits,
    movement,
    arrange,
    scan,
    reduce,
    matmul,
    einsum,
    gather,
    sort,
    conv,
    pool,
    random,
    order,
    indexing,
    composite,
)


class TensorMethods(Value):
    """Every op that is entered as a method, under its name."""


for _name, _function in METHODS.items():
    setattr(TensorMethods, _name, _function)
