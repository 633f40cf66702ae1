"""A compiled function with fixed buffers: the quickest way to call it from Python."""

import sys
from collections.abc import Sequence
from typing import Any

import numpy as np

from rushlight.compile.entry import Entry
from rushlight.compile.native import Context
from rushlight.core.errors import DTypeError, ShapeError, UsageError
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
        self._turn = entry.turn
        if entry.native is not None:
            self._take_over(Context(entry.native, staged=sys.maxsize))
        for array, example in zip(self.inputs, examples, strict=True):
            array[...] = example.data
        self._result = entry.result(self.outputs)

    def _take_over(self, context: Context) -> None:
        """Use the memory of a context instead of other."""
        self._context = context
        self._run = context.run
        arguments, outputs = len(self.inputs), len(self.outputs)
        self.inputs = [context.inputs.get(i, self.inputs[i]) for i in range(arguments)]
        self.outputs = [context.results.get(i, self.outputs[i]) for i in range(outputs)]
        self._held_grads = [(i - arguments, x) for i, x in context.inputs.items() if i >= arguments]
        self._made_grads = [x for i, x in sorted(context.results.items()) if i >= outputs]

    def __call__(self, *values: Any) -> Any:
        if values:
            self._fill(values)
        if self._context is None:
            self._interpret()
        elif self._turn is None:
            if self._run():
                self._entry.explain(self.inputs)
        else:
            with self._turn:
                self._run_grads()
        return self._result

    def _run_grads(self) -> None:
        """Run the program in its turn, with the gradients that it takes and makes."""
        if self._held_grads:
            grads = self._entry.grads()
            for number, staged in self._held_grads:
                staged[...] = grads[number]
        if self._run():
            self._entry.explain(self.inputs)
        if self._entry.graph.grad_updates:
            self._entry.set_grads([array.copy() for array in self._made_grads])

    def _interpret(self) -> None:
        """Run the graph where there is no C for it."""
        results = self._entry.compute(self.inputs)
        for array, result in zip(self.outputs, results, strict=True):
            array[...] = result

    def _fill(self, values: Sequence[Any]) -> None:
        """Copy tensors or arrays into the inputs, unless one does not fit."""
        if len(values) != len(self.inputs):
            raise UsageError(f"this was bound to {len(self.inputs)} tensors, not {len(values)}")
        given = [x.data if isinstance(x, Tensor) else np.asarray(x) for x in values]
        for position, (array, data) in enumerate(zip(self.inputs, given, strict=True)):
            if data.shape != array.shape:
                fact = f"argument {position} has shape {data.shape}, it was bound to {array.shape}"
                raise ShapeError(fact, hint="bind the function to that shape too")
            self._check_dtype(position, values[position], data)
        for array, data in zip(self.inputs, given, strict=True):
            array[...] = data

    def _check_dtype(self, position: int, value: Any, data: Array) -> None:
        """Raise for a tensor of another dtype, and for an array that loses more than precision."""
        wanted = self._entry.graph.arguments[position].dtype
        if isinstance(value, Tensor) and value.dtype is wanted:
            return
        if isinstance(value, Tensor) or not np.can_cast(data.dtype, wanted.storage, "same_kind"):
            found = value.dtype if isinstance(value, Tensor) else data.dtype
            raise DTypeError(f"argument {position} is {found}, it was bound to {wanted}")

    def __repr__(self) -> str:
        return f"<bound {self._entry.graph.name}: {len(self.inputs)} in, {len(self.outputs)} out>"
