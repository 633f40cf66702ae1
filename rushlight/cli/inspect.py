"""`rushlight inspect MODEL`: its layers, what they cost, and what the file says of itself."""

import contextlib
import json
import shutil
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from rushlight.cli.arguments import Parser
from rushlight.compile.costs import Costs, costs_of
from rushlight.core.errors import RushlightError
from rushlight.core.mode import no_grad
from rushlight.data.pictures import printable
from rushlight.formats.model import LoadedModel, load_model
from rushlight.graph.trace import trace
from rushlight.nn.summary import output_shapes
from rushlight.predictor import example_input
from rushlight.tensor import Tensor
from rushlight.train.history import is_number
from rushlight.train.plot import Curve, draw_curves

MOST_ENTRIES = 12  # of a list that is printed
WIDEST = 100  # characters, of the curve of the losses
COLUMNS = ("layer", "kind", "output", "parameters", "bytes", "multiply-adds")


def run(argv: Sequence[str]) -> int:
    """Run the command; return its exit code."""
    parser = Parser(
        prog="rushlight inspect",
        description="Show the layers of a saved network, its parameters, memory and operations.",
    )
    parser.add_argument("model", help="a file that rushlight train or rl.save wrote")
    parser.add_argument("--json", action="store_true", help="print JSON")
    args = parser.parse_args(argv)
    loaded = load_model(args.model)
    facts = gather(loaded)
    if args.json:
        print(json.dumps(facts))
        return 0
    lines = [*_table(facts), *_totals(facts)]
    for name, (dtype, shape) in facts["tensors"].items():
        lines.append(
            f"  {name:<24} {dtype} ({', '.join(map(str, shape))}{',' * (len(shape) == 1)})"
        )
    for name, value in {**loaded.task, **loaded.training}.items():
        long = isinstance(value, list) and len(value) > MOST_ENTRIES
        lines.append(f"{name:<20}{f'{len(value)} entries' if long else value}")
    for line in lines:
        print(printable(line, sys.stdout.encoding))
    curve = _curve(loaded.training)
    if curve:
        print(curve)
    return 0


def gather(loaded: LoadedModel) -> dict[str, Any]:
    """Return what is known of a model, as JSON can hold it."""
    model = loaded.model
    example = example_input(model, loaded.task)
    shapes: Mapping[int, Sequence[int]] = {}
    costs: Costs | None = None
    taken: tuple[str, list[int]] | None = None
    if example is not None:
        with contextlib.suppress(RushlightError):  # the task is of another network
            shapes = output_shapes(model, example.shape, example.dtype)
            with no_grad():
                costs = costs_of(trace(model, example))
            taken = str(example.dtype), list(example.shape)
    state = model.state_dict()
    layers = [
        {
            "path": path,
            "kind": type(layer).__name__,
            "output": list(shapes[id(layer)]) if id(layer) in shapes else None,
            "parameters": sum(parameter.size for parameter in layer.parameters()),
            "bytes": _bytes(layer.state_dict()),
            "multiply_adds": None if costs is None else costs.of_layer(path),
        }
        for path, layer in model.named_modules()
    ]
    return {
        "layers": layers,
        "parameters": sum(parameter.size for parameter in model.parameters()),
        "trained": sum(p.size for p in model.parameters() if p.requires_grad),
        "bytes": _bytes(state),
        "input": taken,
        "multiply_adds": None if costs is None else costs.of_layer(""),
        "working_bytes": None if costs is None else costs.arena,
        "kernels": None if costs is None else costs.kernels,
        "tensors": {name: [str(t.dtype), list(t.shape)] for name, t in state.items()},
        "task": loaded.task,
        "training": loaded.training,
    }


def _bytes(state: Mapping[str, Tensor]) -> int:
    return sum(tensor.size * tensor.dtype.itemsize for tensor in state.values())


def _table(facts: dict[str, Any]) -> list[str]:
    """Return a line for each layer; a network of unknown input has no outputs and operations."""
    rows = [
        (
            layer["path"] or "(whole)",
            layer["kind"],
            "" if layer["output"] is None else "x".join(map(str, layer["output"][1:])),
            f"{layer['parameters']:,}",
            f"{layer['bytes']:,}",
            "" if layer["multiply_adds"] is None else f"{layer['multiply_adds']:,}",
        )
        for layer in facts["layers"]
    ]
    wanted = range(len(COLUMNS)) if facts["input"] else (0, 1, 3, 4)
    widths = [max(len(row[column]) for row in [COLUMNS, *rows]) for column in range(len(COLUMNS))]
    lines = []
    for row in [COLUMNS, *rows]:
        cells = [
            f"{row[column]:<{widths[column]}}" if column < 3 else f"{row[column]:>{widths[column]}}"
            for column in wanted
        ]
        lines.append("  ".join(cells).rstrip())
    return lines


def _totals(facts: dict[str, Any]) -> list[str]:
    trained, size = facts["trained"], facts["bytes"]
    lines = [f"{facts['parameters']:,} parameters ({trained:,} trained), {size:,} bytes"]
    if facts["input"]:
        dtype, shape = facts["input"]
        lines.append(
            f"{facts['multiply_adds']:,} multiply-adds for an input {dtype} {tuple(shape)}"
        )
        if facts["working_bytes"] is not None:
            kernels = f"in {facts['kernels']} kernels of C"
            lines.append(f"{facts['working_bytes']:,} bytes beside the weights, {kernels}")
    return lines


def _curve(training: dict[str, Any]) -> str | None:
    """Return the losses over the epochs, where the file has kept them."""
    epochs = training.get("epochs")
    curves: dict[str, Curve] = {}
    for name in ("losses", "validation_losses"):
        values = training.get(name)
        if not (isinstance(values, list) and len(values) > 1 and all(map(is_number, values))):
            continue
        last = epochs if isinstance(epochs, int) and epochs >= len(values) else len(values)
        label = "validation loss" if curves else "loss"
        curves[label] = (np.linspace(1, last, len(values)).tolist(), values)
    if not curves:
        return None
    columns = min(shutil.get_terminal_size().columns, WIDEST)
    return draw_curves(curves, columns, encoding=sys.stdout.encoding, x_name="epoch")
