"""What a network is made of, as a table: layers, output shapes, parameters."""

from typing import TYPE_CHECKING

from rushlight.core.mode import no_grad, observing
from rushlight.creation import zeros
from rushlight.graph.trace import trace
from rushlight.tensor import Tensor

if TYPE_CHECKING:
    from rushlight.nn.module import Module


def output_shapes(module: "Module", input_shape: tuple[int, ...]) -> dict[int, tuple[int, ...]]:
    """Return the output shape of each layer, by id, for an input of `input_shape`.

    The network is traced, not run.
    """
    shapes: dict[int, tuple[int, ...]] = {}

    def note(layer: object, output: object) -> None:
        if isinstance(output, Tensor):
            shapes[id(layer)] = output.shape

    with observing(note), no_grad():
        trace(module, zeros(input_shape))
    return shapes


def summarize(module: "Module", input_shape: tuple[int, ...] | None) -> str:
    """Return the table as text, one line a layer."""
    shapes = output_shapes(module, input_shape) if input_shape else {}
    rows = [("layer", "kind", "output", "parameters")]
    for path, layer in module.named_modules():
        count = sum(parameter.size for parameter in layer.parameters())
        shape = str(shapes.get(id(layer), "")) if input_shape else ""
        rows.append((path or "(whole)", type(layer).__name__, shape, f"{count:,}"))
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    lines = []
    for name, kind, shape, count in rows:
        left = f"{name:<{max(widths[0], 10)}}  {kind:<{widths[1]}}  {shape:<{widths[2]}}"
        lines.append(f"{left}  {count:>{widths[3]}}".rstrip())
    total = sum(parameter.size for parameter in module.parameters())
    trained = sum(p.size for p in module.parameters() if p.requires_grad)
    size = sum(tensor.size * tensor.dtype.itemsize for tensor in module.state_dict().values())
    lines.append(f"{total:,} parameters ({trained:,} trained), {size:,} bytes")
    return "\n".join(lines)
