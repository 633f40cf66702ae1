"""What a network is made of, as a table: layers, output shapes, parameters."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np

from rushlight.core.dtypes import DTypeLike, as_dtype, float32
from rushlight.core.mode import no_grad, observing
from rushlight.core.shapes import Shape
from rushlight.graph.trace import trace
from rushlight.tensor import Tensor
from rushlight.tree import flatten

if TYPE_CHECKING:
    from rushlight.nn.module import Module


def output_shapes(
    module: "Module", input_shape: Shape, dtype: DTypeLike = float32
) -> dict[int, Shape]:
    """Return the output shape of each layer, by id, for an input of `input_shape`.

    Of several outputs it is that of the first, such as of a recurrent layer's beside its state.
    The network is traced in evaluation mode, not run.
    """
    shapes: dict[int, Shape] = {}

    def note(layer: object, output: object) -> None:
        for first in flatten(output)[0][:1]:
            shapes[id(layer)] = first.shape

    kind = as_dtype(dtype)
    zeros = np.broadcast_to(np.zeros((), kind.storage), input_shape)  # of one element's memory
    with observing(note), no_grad(), evaluated(module):
        trace(module, Tensor.wrap(zeros, kind))
    return shapes


@contextmanager
def evaluated(module: "Module") -> Iterator[None]:
    """Put a module into evaluation mode for a block; afterwards each layer is as it was."""
    before = [(layer, layer._training) for layer in module.modules()]
    module.eval()
    try:
        yield
    finally:
        for layer, training in before:
            layer.training = training


def summarize(module: "Module", input_shape: Shape | None, dtype: DTypeLike = float32) -> str:
    """Return the table as text, one line a layer."""
    shapes = output_shapes(module, input_shape, dtype) if input_shape else {}
    rows = [("layer", "kind", "output", "parameters")]
    for path, layer in module.named_modules():
        shape = str(shapes.get(id(layer), "")) if input_shape else ""
        rows.append((path or "(whole)", type(layer).__name__, shape, f"{layer.num_parameters():,}"))
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    lines = []
    for name, kind, shape, parameters in rows:
        shown = f"{shape:<{widths[2]}}  " if input_shape else ""
        left = f"{name:<{max(widths[0], 10)}}  {kind:<{widths[1]}}  {shown}"
        lines.append(f"{left}{parameters:>{widths[3]}}".rstrip())
    total, trained = module.num_parameters(), module.num_parameters(trained_only=True)
    size = sum(tensor.size * tensor.dtype.itemsize for tensor in module.state_dict().values())
    lines.append(f"{total:,} parameters ({trained:,} trained), {size:,} bytes")
    return "\n".join(lines)
