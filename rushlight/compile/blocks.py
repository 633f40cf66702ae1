"""`rl.compile(fn, max_batch=...)`: one compiled object for every batch size up to a maximum.

The graph must show that the rows of a batch are computed by themselves. Then a batch can be done
in blocks of rows, for each size of which there is a program in the same C: with a maximum of 256
there are blocks of 256, 64, 8 and 1, and 100 rows are a block of 64, four of 8 and four of 1.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from rushlight.compile.drive import Drive
from rushlight.compile.entry import Entry, reason_of
from rushlight.compile.native import Native, natives
from rushlight.compile.program import Slot
from rushlight.compile.states import lies_in, new_array
from rushlight.core.errors import (
    CompileError,
    RushlightError,
    ShapeError,
    TraceError,
    UsageError,
)
from rushlight.core.primitive import Array
from rushlight.graph.rows import WITHOUT, check_alike, row_axes
from rushlight.graph.trace import Traced, trace_tree
from rushlight.tensor import Tensor
from rushlight.tree import flatten, unflatten

SIZES = (64, 8, 1)  # of blocks, beside the maximum
PROBE = 61  # rows for which a graph is looked at: no usual size of another axis

Int64s = npt.NDArray[np.int64]


class Blocks(Entry):
    """A function compiled for blocks of rows, which together make any batch up to a maximum.

    Args:
        function: of tensors whose first axis is the batch, but for those without axes.
        args, kwargs: of the first call.
        most: the largest batch.
        want_native: whether to compile it.

    Raises:
        TraceError: the function changes tensors, or a row of its results needs other rows.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        most: int,
        want_native: bool,
    ) -> None:
        self._most = most
        self._sizes = [most, *(size for size in SIZES if size < most)]
        trace_tree(function, args, kwargs)  # which raises what is wrong with this very call
        probe = _trace(function, args, kwargs, PROBE)
        axes = row_axes(probe.graph, PROBE)
        traces = [_trace(function, args, kwargs, size) for size in self._sizes]
        for size, traced in zip(self._sizes, traces, strict=True):
            check_alike(probe.graph, axes, traced.graph, size)
        super().__init__(traces[0], want_native=False)
        self._parts = [Entry(traced, want_native=False) for traced in traces]
        self._natives: list[Native] = []
        self._drives: list[Drive] = []  # that no call uses now
        if want_native:
            try:
                self._natives = natives([traced.graph for traced in traces])
                self._check_layout()
                self.native = self._natives[0]
            except (CompileError, NotImplementedError) as error:
                self.reason = reason_of(error)

    def run(self, arguments: list[Array]) -> list[Array]:
        """Return the arrays of the outputs for the arrays of the arguments."""
        rows = _rows(arguments)
        if rows > self._most:
            fact = f"a batch of {rows} is more than max_batch={self._most}"
            raise ShapeError(fact, hint="split it, or compile with a larger max_batch")
        if self.native is None:
            return self._run_parts(arguments, rows)
        if rows in self._sizes:
            results = self._natives[self._sizes.index(rows)].run(arguments)
        else:
            results = self._drive(arguments, rows)
        return self._run_parts(arguments, rows) if results is None else results

    def _run_parts(self, arguments: list[Array], rows: int) -> list[Array]:
        """Run blocks in NumPy, which also explains what C refused."""
        which, starts = self._cut(rows)
        made = []
        for number, start in zip(which, starts, strict=True):
            here = slice(start, start + self._sizes[number])
            made.append(self._parts[number].run([x[here] if x.ndim else x for x in arguments]))
        if made:
            return [np.concatenate(one) for one in zip(*made, strict=True)]
        return [np.empty((0, *v.shape[1:]), v.dtype.storage) for v in self.graph.outputs]

    def _drive(self, arguments: list[Array], rows: int) -> list[Array] | None:
        """Run the programs of the blocks one after another, or return None for a bad index."""
        which, starts = self._cut(rows)
        slots = self._natives[0].program.slots
        used = sorted(slot.index for slot in slots if slot.role == "argument")
        taken = [_in_rows(arguments[index]) for index in used]
        raws, results = [], []
        for slot in self._result_slots(0):
            raw, shaped = new_array((rows, *slot.shape[1:]), slot.order, slot.dtype.storage)
            raws.append(raw)
            results.append(shaped)
        moved = [*taken, *raws]
        strides = [x.strides[0] if x.ndim else 0 for x in moved]
        try:
            drive = self._drives.pop()
        except IndexError:
            drive = Drive(self._natives)
        done = drive.run(which, moved, starts[:, None] * np.array(strides, np.int64))
        self._drives.append(drive)
        return results if done == len(which) else None

    def _cut(self, rows: int) -> tuple[npt.NDArray[np.int32], Int64s]:
        """Return of which size each block of a batch is, by number, and where it begins."""
        which, starts, start = [], [], 0
        for number, size in enumerate(self._sizes):
            while rows - start >= size:
                which.append(number)
                starts.append(start)
                start += size
        return np.array(which, np.int32), np.array(starts, np.int64)

    def _result_slots(self, number: int) -> list[Slot]:
        slots = self._natives[number].program.slots
        results = [slot for slot in slots if slot.role == "result"]
        return sorted(results, key=lambda slot: slot.index)

    def _check_layout(self) -> None:
        """Raise unless blocks lie one after another in the memory of all arguments and results."""
        kinds = [
            [slot.order for slot in self._result_slots(number)]
            for number in range(len(self._natives))
        ]
        whole = all(order[0] == 0 for orders in kinds for order in orders)
        if not whole or any(orders != kinds[0] for orders in kinds):
            raise NotImplementedError("results whose rows lie apart")


def rows_kind(x: Tensor) -> Any:
    """Return what tells a tensor from those for which other blocks are needed."""
    return len(x.shape), x.shape[1:], x.dtype, x.requires_grad


def check_most(most: Any) -> None:
    """Raise unless a maximum is one."""
    if not isinstance(most, int) or isinstance(most, bool) or most < 1:
        raise UsageError(f"max_batch is an int of at least 1, not {most!r}")


def _trace(
    function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], rows: int
) -> Traced:
    """Trace a function for a batch of so many rows."""
    leaves, tree = flatten((args, kwargs))
    if not any(x.shape for x in leaves):
        raise TraceError("max_batch is for functions of batches, and no tensor is given")
    examples = [_example(x, rows) for x in leaves]
    try:
        traced = trace_tree(function, *unflatten(tree, examples))
    except RushlightError as error:
        name = getattr(function, "__name__", type(function).__name__)
        reason = str(error).partition("\n")[0]
        fact = f"{name} works for these rows, but not for {rows}: {reason}"
        raise TraceError(fact, hint=WITHOUT) from None
    if traced.changed or traced.graph.grads:
        fact = f"{traced.graph.name} changes tensors, which is not done row by row"
        raise TraceError(fact, hint=WITHOUT)
    return traced


def _example(x: Tensor, rows: int) -> Tensor:
    if not x.shape:
        return x
    example = Tensor.wrap(np.zeros((rows, *x.shape[1:]), x.dtype.storage), x.dtype)
    example.requires_grad = x.requires_grad
    return example


def _rows(arguments: list[Array]) -> int:
    """Return the size of a batch, which all its arrays must have."""
    sizes = {len(x) for x in arguments if x.ndim}
    if len(sizes) > 1:
        raise ShapeError(f"the tensors of a batch have {min(sizes)} and {max(sizes)} rows")
    return sizes.pop()


def _in_rows(array: Array) -> Array:
    """Return an array in row-major order."""
    return array if lies_in(array, tuple(range(array.ndim))) else np.array(array, order="C")
