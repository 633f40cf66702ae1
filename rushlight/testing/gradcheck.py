"""Gradients checked by central differences in float64."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from rushlight.core.dtypes import float64
from rushlight.core.errors import UsageError
from rushlight.core.primitive import Array
from rushlight.tensor import Tensor
from rushlight.testing.compare import assert_close
from rushlight.transforms import gradients_of
from rushlight.tree import flatten

EPS = 1e-6
ATOL = 1e-5
RTOL = 1e-3

Function = Callable[..., Any]


def check_gradients(function: Function, *inputs: Tensor, order: int = 1) -> None:
    """Raise AssertionError unless the gradients of `function` are what small steps show.

    Every input that requires a gradient is moved by ±1e-6, element by element, with `assign`; so
    `function` may use an input as its argument or as a captured parameter. What is differentiated
    is a fixed random projection of the outputs, and at order 2 one of their gradients as well.

    Args:
        function: gives a tensor, or a tree of them.
        inputs: what it is called with; those that require a gradient are float64.
        order: 1, or 2 for second derivatives too.

    >>> from rushlight.tensor import tensor
    >>> x = tensor([0.5, 2.0], dtype="float64", requires_grad=True)
    >>> check_gradients(lambda x: x.exp() * x, x, order=2)
    """
    wanted = [x for x in inputs if x.requires_grad]
    for x in wanted:
        if x.dtype is not float64:
            raise UsageError(f"gradients are checked in float64, not {x.dtype}")
    random = np.random.default_rng(0)
    for level in range(1, order + 1):
        seeds = [random.standard_normal(y.shape) for y in _floats(function(*inputs))]
        found = _gradients(function, inputs, wanted, seeds, create_graph=False)
        for position, (x, g) in enumerate(zip(wanted, found, strict=True)):
            got = np.zeros(x.shape) if g is None else g.numpy()
            by_steps = _differences(function, inputs, x, seeds)
            what = f"derivative {level} of input {position}"
            assert_close(got, by_steps, rtol=RTOL, atol=ATOL, what=what)
        function = _gradient_of(function, wanted, seeds)


def _gradient_of(function: Function, wanted: Sequence[Tensor], seeds: list[Array]) -> Function:
    """Return the function that gives the gradients of the projected outputs of `function`."""

    def gradient(*inputs: Tensor) -> list[Tensor]:
        found = _gradients(function, inputs, wanted, seeds, create_graph=True)
        return [g for g in found if g is not None]

    return gradient


def _gradients(
    function: Function,
    inputs: Sequence[Tensor],
    wanted: Sequence[Tensor],
    seeds: list[Array],
    *,
    create_graph: bool,
) -> list[Tensor | None]:
    outputs = _floats(function(*inputs))
    pairs = [(y, Tensor(r)) for y, r in zip(outputs, seeds, strict=True) if y.requires_grad]
    if not pairs:
        return [None for _ in wanted]
    return gradients_of(
        [y for y, _ in pairs], wanted, [seed for _, seed in pairs], create_graph=create_graph
    )


def _differences(
    function: Function, inputs: Sequence[Tensor], x: Tensor, seeds: list[Array]
) -> Array:
    """Return the derivative of the projected outputs by each element of `x`, by small steps."""
    here = x.numpy().copy()
    slopes = np.empty(here.shape)
    for index in np.ndindex(here.shape):
        ends = []
        for step in (EPS, -EPS):
            moved = here.copy()
            moved[index] += step
            x.assign(Tensor(moved))
            outputs = _floats(function(*inputs))
            ends.append(sum(np.sum(y.numpy() * r) for y, r in zip(outputs, seeds, strict=True)))
        slopes[index] = (ends[0] - ends[1]) / (2 * EPS)
    x.assign(Tensor(here))
    return slopes


def _floats(result: Any) -> list[Tensor]:
    return [y for y in flatten(result)[0] if y.dtype.is_float]
