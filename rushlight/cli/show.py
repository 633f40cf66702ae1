"""`rushlight show MODEL`: the graph of what a saved network computes."""

import argparse
from collections.abc import Sequence

from rushlight.core.dtypes import float32, int64
from rushlight.core.mode import no_grad
from rushlight.creation import zeros
from rushlight.graph.trace import trace
from rushlight.predictor import Predictor


def run(argv: Sequence[str]) -> int:
    """Run the command; return its exit code."""
    parser = argparse.ArgumentParser(
        prog="rushlight show", description="Show the graph of what a saved network computes."
    )
    parser.add_argument("model", help="a file that rushlight train saved")
    args = parser.parse_args(argv)
    predictor = Predictor(args.model)
    task = predictor.task
    if predictor.kind == "text-classifier":
        example = zeros(1, 4, dtype=int64)
    elif predictor.kind == "image-classifier":
        example = zeros((1, *task["shape"]), dtype=float32)
    else:
        dtype = next(predictor.model.parameters()).dtype
        example = zeros((1, task["inputs"]), dtype=dtype)
    with no_grad():
        print(trace(predictor.model, example))
    return 0
