"""The one random primitive: bits from a counter, a pure function of its state."""

from typing import Any

import numpy as np

from rushlight.core import kernels
from rushlight.core.dtypes import uint32
from rushlight.core.errors import DTypeError
from rushlight.core.philox import random_bits
from rushlight.core.primitive import Primitive, Sample, Spec, register
from rushlight.core.shapes import Shape, size_of


class RandomBits(Primitive):
    """Random uint32 of a shape, and the next state, for a state uint32 (4,): key, then counter.

    Philox4x32-10 (Salmon, Moraes, Dror, Shaw 2011): the same bits on every machine.
    """

    name = "random_bits"
    labels = ("state",)
    outputs = 2
    differentiable = False

    def rule(self, *specs: Spec, **params: Any) -> tuple[Spec, Spec]:
        (state,) = specs
        if state != Spec((4,), uint32):
            raise DTypeError(f"a random state is uint32 (4,), not {state}")
        return Spec(params["shape"], uint32), state

    def numpy(self, state: Any, *, shape: Shape) -> tuple[Any, Any]:
        count = size_of(shape)
        key = (int(state[0]), int(state[1]))
        counter = int(state[2]) | int(state[3]) << 32
        bits = random_bits(key, counter, count).reshape(shape)
        counter = (counter + (count + 3) // 4) & 0xFFFFFFFFFFFFFFFF
        following = np.array([*key, counter & 0xFFFFFFFF, counter >> 32], np.uint32)
        return bits, following

    def lower(self, *specs: Spec, **params: Any) -> kernels.RandomBits:
        return kernels.RandomBits()

    def samples(self) -> list[Sample]:
        state = np.array([1, 2, 3, 0], np.uint32)
        end = np.array([7, 0, 0xFFFFFFFF, 5], np.uint32)
        return [
            Sample((state,), {"shape": (3, 5)}),
            Sample((state,), {"shape": ()}),
            Sample((state,), {"shape": (0, 2)}),
            Sample((end,), {"shape": (9,)}),
            Sample((end,), {"shape": (1, 1, 4)}),
        ]


random_bits_p = register(RandomBits())
