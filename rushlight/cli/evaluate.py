"""`rushlight evaluate MODEL [DATA]`: how good a saved network is, and where it goes wrong."""

import json
import shutil
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np

from rushlight.cli.arguments import Parser, natural
from rushlight.cli.examples import Examples, load_examples
from rushlight.core.errors import DataError
from rushlight.data.pictures import printable, render_digits
from rushlight.predictor import Predictor
from rushlight.tensor import Tensor
from rushlight.train.metrics.classes import class_figures, confusion_matrix
from rushlight.train.metrics.regression import mean_absolute_error, mean_squared_error, r2
from rushlight.train.metrics.report import confusion_table, figures_table

MOST_FIGURES = 30  # classes whose figures are printed


def run(argv: Sequence[str]) -> int:
    """Run the command; return its exit code."""
    parser = Parser(
        prog="rushlight evaluate",
        description="Say how good a saved network is on labelled data, and where it goes wrong.",
    )
    parser.add_argument("model", help="a file that rushlight train or rl.save wrote")
    parser.add_argument(
        "data",
        nargs="?",
        help="mnist, fashion-mnist, sms, spam, gesture; a .csv or .tsv file of labels and texts, "
        "of numbers and labels, or of numbers; a folder with a folder for each class "
        "(default: what the recipe tests on)",
    )
    parser.add_argument(
        "--worst", type=natural, default=5, metavar="N", help="mistakes to show (default: 5)"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    args = parser.parse_args(argv)
    predictor = Predictor(args.model)
    examples = load_examples(predictor, args.data)
    outputs = predictor.outputs(examples.inputs)
    if not np.isfinite(outputs.numpy()).all():
        raise DataError("the network answers numbers that are not finite")
    judge = _judge_numbers if predictor.kind == "regressor" else _judge_classes
    facts, text = judge(predictor, examples, outputs, args.worst)
    print(json.dumps(facts) if args.json else text)
    return 0


def _judge_classes(
    predictor: Predictor, examples: Examples, outputs: Tensor, worst: int
) -> tuple[dict[str, Any], str]:
    """Return what is found out about a classifier, for programs and for people."""
    shares = outputs.cast("float64").softmax().numpy()
    targets, labels = examples.targets, predictor.labels
    own = shares[np.arange(len(targets)), targets]
    said = shares.argmax(1)
    matrix = confusion_matrix(shares, targets)
    figures = class_figures(matrix)
    wrong = np.flatnonzero(said != targets)
    mistakes = wrong[np.argsort(own[wrong], kind="stable")][:worst].tolist()
    facts: dict[str, Any] = {
        "data": examples.name,
        "count": len(targets),
        "accuracy": float(np.mean(said == targets)),
        "loss": float(-np.log(np.maximum(own, np.finfo(np.float64).tiny)).mean()),
        "labels": labels,
        **{name: numbers.tolist() for name, numbers in figures.items()},
        "confusion": matrix.tolist(),
        "worst": [
            {
                "index": i,
                **_given(predictor, examples, i),
                "label": labels[targets[i]],
                "said": labels[said[i]],
                "probability": float(shares[i, said[i]]),
            }
            for i in mistakes
        ],
    }
    columns = shutil.get_terminal_size().columns
    parts = [_heading(examples, facts), *_tables(matrix, labels, columns)]
    if mistakes:
        parts.append(_shown(predictor, examples, facts["worst"], columns))
    return facts, "\n\n".join(parts)


def _given(predictor: Predictor, examples: Examples, place: int) -> dict[str, Any]:
    """Return what the network was asked about, where that can be said."""
    if predictor.kind == "text-classifier":
        return {"text": examples.inputs[place]}
    if predictor.kind == "number-classifier":
        return {"inputs": examples.inputs[place].tolist()}
    return {"file": examples.files[place]} if examples.files else {}


def _heading(examples: Examples, facts: dict[str, Any]) -> str:
    notes = "".join(f" ({note})" for note in examples.notes)
    measures = f"accuracy {facts['accuracy']:.2%}  loss {facts['loss']:.4f}"
    return f"{examples.name}: {facts['count']:,} examples{notes}\n{measures}"


def _tables(matrix: Any, labels: list[str], columns: int) -> list[str]:
    tables = []
    if len(labels) <= MOST_FIGURES:
        tables.append(figures_table(matrix, labels))
    confusions = confusion_table(matrix, labels, columns)
    title = "what was taken for what, the most frequent first:"
    if confusions.startswith(" "):  # a table
        title = "what it is (rows), and what the network said (columns):"
    return [*tables, f"{title}\n{confusions}"]


def _shown(
    predictor: Predictor, examples: Examples, worst: list[dict[str, Any]], columns: int
) -> str:
    """Return the worst mistakes as pictures or as lines."""
    encoding = sys.stdout.encoding
    text = "the worst mistakes, by how little the right label was thought of:"
    if predictor.kind == "image-classifier" and examples.inputs.ndim == 3:
        pictures = np.stack([examples.inputs[one["index"]] for one in worst])
        captions = [f"{one['label']} as {one['said']} {one['probability']:.0%}" for one in worst]
        return f"{text}\n{render_digits(pictures, captions, columns, encoding)}"
    for one in worst:
        start = f"{one['label']} as {one['said']} {one['probability']:.1%}: "
        what = one.get("text") or one.get("file") or f"example {one['index']}"
        what = _numbers(one["inputs"]) if "inputs" in one else what
        what = " ".join(what.split())
        room = max(20, columns - len(start))
        cut = what if len(what) <= room else what[: room - 3] + "..."
        text += f"\n{printable(start + cut, encoding)}"
    return text


def _judge_numbers(
    predictor: Predictor, examples: Examples, outputs: Tensor, worst: int
) -> tuple[dict[str, Any], str]:
    """Return what is found out about a regressor, for programs and for people."""
    targets = examples.targets
    found = outputs.numpy().astype(np.float64).reshape(len(targets), -1)
    if found.shape != targets.shape:
        raise DataError(
            f"the network gives {found.shape[1]} numbers, the data has {targets.shape[1]}"
        )
    off = np.abs(found - targets).max(1)
    order = np.argsort(-off, kind="stable")[:worst].tolist()
    squared = mean_squared_error(found, targets)
    facts: dict[str, Any] = {
        "data": examples.name,
        "count": len(targets),
        "mean_absolute_error": mean_absolute_error(found, targets),
        "root_mean_squared_error": squared**0.5,
        "r2": r2(found, targets) if len(targets) > 1 else None,
        "worst": [
            {
                "index": i,
                "inputs": examples.inputs[i].tolist(),
                "target": targets[i].tolist(),
                "said": found[i].tolist(),
            }
            for i in order
        ],
    }
    measures = [
        f"mean absolute error {facts['mean_absolute_error']:.6g}",
        f"root mean squared error {facts['root_mean_squared_error']:.6g}",
        *([] if facts["r2"] is None else [f"R² {facts['r2']:.6g}"]),
    ]
    lines = [
        f"{_numbers(one['inputs'])} → {_numbers(one['said'])}, it is {_numbers(one['target'])}"
        for one in facts["worst"]
    ]
    text = f"{examples.name}: {len(targets):,} examples\n{'  '.join(measures)}"
    return facts, text + ("\n\nfarthest off:\n" + "\n".join(lines) if lines else "")


def _numbers(values: list[float]) -> str:
    return " ".join(f"{value:.6g}" for value in values)
