"""`rushlight inspect MODEL`: layers, shapes, parameters and what the file says of itself."""

import json
from collections.abc import Sequence

from rushlight.cli.arguments import Parser
from rushlight.formats.model import load_model


def run(argv: Sequence[str]) -> int:
    """Run the command; return its exit code."""
    parser = Parser(
        prog="rushlight inspect", description="Show the layers and parameters of a saved network."
    )
    parser.add_argument("model", help="a file that rushlight train saved")
    parser.add_argument("--json", action="store_true", help="print JSON")
    args = parser.parse_args(argv)
    loaded = load_model(args.model)
    tensors = loaded.model.state_dict()
    if args.json:
        shapes = {name: [str(t.dtype), list(t.shape)] for name, t in tensors.items()}
        print(json.dumps({"tensors": shapes, "task": loaded.task, "training": loaded.training}))
        return 0
    print(loaded.model.summary())
    for name, tensor in tensors.items():
        print(f"  {name:<24} {tensor.spec}")
    for name, value in {**(loaded.task or {}), **(loaded.training or {})}.items():
        text = f"{len(value)} entries" if isinstance(value, list) and len(value) > 12 else value
        print(f"{name:<20}{text}")
    return 0
