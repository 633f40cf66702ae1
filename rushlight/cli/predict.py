"""`rushlight predict MODEL [INPUT ...]`: ask a saved network, once or in a conversation."""

import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

from rushlight.cli.arguments import Parser
from rushlight.cli.output import complain, describe
from rushlight.cli.why import show_why
from rushlight.core.errors import DataError, RushlightError, UsageError
from rushlight.data.pictures import printable, render_bars
from rushlight.data.signals import render_signal
from rushlight.predictor import KINDS, Prediction, Predictor

GOODBYES = ("quit", "exit")
LONGEST_LINE = 1 << 24  # characters


def run(argv: Sequence[str]) -> int:
    """Run the command; return its exit code."""
    parser = Parser(
        prog="rushlight predict",
        description="Ask a saved network. Without an input it asks you for one after another, "
        "until quit, exit or the end of input.",
    )
    parser.add_argument("model", help="a file that rushlight train or rl.save wrote")
    parser.add_argument(
        "input", nargs="*", help="sentences, files of pictures or signals, or numbers"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object an input")
    parser.add_argument(
        "--why",
        action="store_true",
        help="of a text, show which words decided: gradient times input, and attention",
    )
    args = parser.parse_intermixed_args(argv)
    predictor = Predictor(args.model)
    if args.why and predictor.kind != "text-classifier":
        raise UsageError(f"--why is of a text-classifier; {args.model} is of kind {predictor.kind}")
    ask = predictor.explain if args.why else predictor.ask
    if not args.input:
        return _converse(predictor, ask, args.json)
    for given in args.input:
        _show(given, ask(given), args.json, predictor.kind)
    return 0


def _converse(predictor: Predictor, ask: Callable[[str], Prediction], as_json: bool) -> int:
    """Answer one line after another; a line that cannot be answered says why and goes on."""
    asking = sys.stdin.isatty()
    if asking:
        print(f"Enter {KINDS[predictor.kind]}; quit ends.")
    while True:
        if asking:
            print("> ", end="", flush=True)
        line = sys.stdin.readline(LONGEST_LINE + 1)
        if len(line) > LONGEST_LINE:
            raise DataError(f"a line has more than {LONGEST_LINE} characters")
        if not line or line.strip().lower() in GOODBYES:
            break
        if line.strip():
            try:
                _show(line.strip(), ask(line.strip()), as_json, predictor.kind)
            except RushlightError as error:
                complain(describe(error))
    if asking:
        print("Goodbye!")
    return 0


def _show(given: str, prediction: Prediction, as_json: bool, kind: str) -> None:
    if as_json:
        answer: dict[str, Any] = {
            "input": given,
            "label": prediction.label,
            "notes": list(prediction.notes),
        }
        if kind == "regressor":
            answer["values"] = list(prediction.values)
        else:
            answer["probabilities"] = prediction.probabilities
        if prediction.why is not None:
            answer["why"] = asdict(prediction.why)
        print(json.dumps(answer), flush=True)
        return
    notes = "".join(f"  ({note})" for note in prediction.notes)
    given = printable(given, sys.stdout.encoding)
    label = printable(prediction.label, sys.stdout.encoding)
    if kind == "regressor":
        print(f"{given} → {prediction.label}{notes}", flush=True)
    elif kind in ("text-classifier", "text-to-text"):
        share = f"{100 * prediction.confidence:.1f}%"
        print(f"{given:<30} → {label:<5} {share:>6}{notes}", flush=True)
        if prediction.why is not None:
            show_why(prediction.why, prediction.label)
    else:
        print(f"{given}: {label}{notes}")
        if prediction.signal is not None:
            print(render_signal(prediction.signal, encoding=sys.stdout.encoding))
        labels, shares = zip(*prediction.probabilities.items(), strict=True)
        print(render_bars(labels, shares, encoding=sys.stdout.encoding), flush=True)
