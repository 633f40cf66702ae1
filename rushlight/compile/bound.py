"""A compiled function with fixed buffers: the quickest way to call it from Python."""

import sys
from collections.abc import Sequence
from contextlib import nullcontext
from typing import Any

import numpy as np

from rushlight.compile.entry import Entry
from rushlight.compile.native import Context
from rushlight.core.errors import ShapeError, UsageError
from rushlight.core.primitive import Array
from rushlight.tensor import Tensor


class Bound:
    """A compiled function for one kind of arguments, with memory of its own for them.

    A call reads `inputs` and overwrites `outputs`, which the tensors that it returns share. Given
    tensors or arrays, it copies them into `inputs` first. States are read and updated as ever.
    What the function took for granted when it was bound (training mode, settings) stays so.
    One thread at a time may call it.

    Attributes:
        inputs: an array for each tensor among the arguments, to write into.
        outputs: an array for each tensor of the result; 16-bit floats are there as their bits.

    >>> import rushlight as rl
    >>> add = rl.compile(lambda x, y: x + y).bind(rl.ones(2), rl.zeros(2))
    >>> add.inputs[1][...] = 5
    >>> add()
    tensor([6., 6.])
    >>> add([1, 2], rl.ones(2))
    tensor([2., 3.])
    """

    def __init__(self, entry: Entry, examples: Sequence[Tensor]) -> None:
        self._entry = entry
        graph = entry.graph
        self.inputs: list[Array] = [np.empty(v.shape, v.dtype.storage) for v in graph.arguments]
        self.outputs: list[Array] = [np.empty(v.shape, v.dtype.storage) for v in graph.outputs]
        self._context: Context | None = None
        self._is_plain = False
        if entry.native is not None:
            self._take_over(Context(entry.native, staged=sys.maxsize))
            self._is_plain = not (graph.states or graph.updates or graph.grad_updates)
        for array, example in zip(self.inputs, examples, strict=True):
            array[...] = example.data
        self._turn = entry.turn or nullcontext()
        self._result = entry.result(self.outputs)

    def _take_over(self, context: Context) -> None:
        """Use the memory of a context instead of other."""
        self._context = context
        self._function = context.function
        self._address = context.address
        self._grads: list[tuple[int, Array]] = []
        for _, number, _, staged in context.inputs:
            if staged is None:
                continue
            if number < len(self.inputs):
                self.inputs[number] = staged
            else:
                self._grads.append((number - len(self.inputs), staged))
        self._made_grads = []
        for _, slot, staged in context.results:
            if staged is None:
                continue
            if slot.index < len(self.outputs):
                self.outputs[slot.index] = staged
            else:
                self._made_grads.append(staged)

    def __call__(self, *values: Any) -> Any:
        if values:
            self._fill(values)
        if self._is_plain:
            if self._function(self._address):
                self._entry.explain(self.inputs)
            return self._result
        with self._turn:
            self._run()
        return self._result

    def _run(self) -> None:
        if self._context is None:
            results = self._entry.run(self.inputs)
            for array, result in zip(self.outputs, results, strict=False):
                array[...] = result
            self._entry.set_grads(results[len(self.outputs) :])
            return
        if self._grads:
            held = self._entry.grads()
            for number, staged in self._grads:
                staged[...] = held[number]
        if self._context.run():
            self._entry.explain(self.inputs)
        self._entry.set_grads([array.copy("K") for array in self._made_grads])

    def _fill(self, values: Sequence[Any]) -> None:
        """Copy tensors or arrays into the inputs."""
        if len(values) != len(self.inputs):
            raise UsageError(f"this was bound to {len(self.inputs)} tensors, not {len(values)}")
        for position, (array, value) in enumerate(zip(self.inputs, values, strict=True)):
            given = value.data if isinstance(value, Tensor) else np.asarray(value)
            if given.shape != array.shape:
                fact = f"argument {position} has shape {given.shape}, it was bound to {array.shape}"
                raise ShapeError(fact, hint="bind the function to that shape too")
            array[...] = given

    def __repr__(self) -> str:
        return f"<bound {self._entry.graph.name}: {len(self.inputs)} in, {len(self.outputs)} out>"
