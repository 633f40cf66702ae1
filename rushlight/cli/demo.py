"""`rushlight demo`: two networks learn while you watch: spam, then handwritten digits."""

import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from rushlight.cli import predict, train
from rushlight.cli.arguments import Parser, counting
from rushlight.cli.output import reason
from rushlight.core.errors import UsageError
from rushlight.data import mnist
from rushlight.data.pictures import render_digits
from rushlight.predictor import Predictor
from rushlight.recipes.spam import SAMPLES


def run(argv: Sequence[str]) -> int:
    """Run the command; return its exit code."""
    parser = Parser(prog="rushlight demo", description=__doc__)
    parser.add_argument(
        "--epochs", type=counting, default=5, help="of the digits network (default: 5)"
    )
    parser.add_argument("--out", type=Path, help="a folder to keep both networks in")
    args = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as temporary:
        folder = args.out or Path(temporary)
        spam, digits = str(folder / "spam.safetensors"), str(folder / "digits.safetensors")
        _prepare(folder, spam, digits)
        print("A spam filter learns from 40 sentences.", flush=True)
        train.learn(["spam", "--out", spam])
        predict.run([spam, *SAMPLES])
        print("\nA network learns to read digits from 60,000 pictures.", flush=True)
        train.learn(["digits", "--epochs", str(args.epochs), "--out", digits])
        _show_digits(Predictor(digits))
    return 0


def _prepare(folder: Path, *files: str) -> None:
    """Make the folder; raise before anything is trained if it cannot hold the files."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"the folder {folder} cannot be made: {reason(error)}") from None
    for file in files:
        train.check_out(Path(file))


def _show_digits(predictor: Predictor) -> None:
    """Print the test accuracy, then some test pictures with what the network says of them."""
    test = mnist.load()
    sure = [predictor.pixels(image) for image in test.test_images[:200]]
    wrong = [i for i in range(200) if int(sure[i].label) != test.test_labels[i]]
    chosen = [0, 1, 2, *wrong[:1]]
    captions = [
        f"{sure[i].label} ({100 * sure[i].confidence:.0f}%)"
        + ("" if int(sure[i].label) == test.test_labels[i] else f", it is {test.test_labels[i]}")
        for i in chosen
    ]
    width = shutil.get_terminal_size().columns
    encoding = sys.stdout.encoding
    print(f"test accuracy {100 * predictor.training['test_accuracy']:.2f}%")
    print(render_digits(np.stack([test.test_images[i] for i in chosen]), captions, width, encoding))
