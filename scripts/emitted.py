"""Writes the C of a fixed list of graphs: to read it, or to see what a change of the compiler does.

python scripts/emitted.py FOLDER               writes one file a graph
python scripts/emitted.py --against REVISION   shows how their C differs from that of a git revision
python scripts/emitted.py --golden             writes tests/golden/ and docs/compiler.md's C anew

The hand-written runtime is left out: git shows how that differs. No C compiler is needed.
"""

import argparse
import io
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))  # this checkout, whatever is installed

import rushlight as rl  # noqa: E402
from rushlight.compile.emit.program import compile_graph  # noqa: E402
from rushlight.graph.ir import Graph  # noqa: E402
from rushlight.recipes import digits, digits_cnn, spam  # noqa: E402
from rushlight.testing.graphs import random_graph  # noqa: E402
from rushlight.train.step import make_step  # noqa: E402

GOLDEN = Path("tests/golden")
PAGE = Path("docs/compiler.md")
C_OF_PAGE = re.compile(r"(?<=```c\n)/\* rl_program.*?(?=```)", re.DOTALL)  # that of exp_matmul_add
SEEDS = 40
END_OF_RUNTIME = "#endif\n"  # each header's last line; kernels have no such line

Make = Callable[[], Graph]


def kernels_of(source: str) -> str:
    """Return the part of a C file that was made for its graph."""
    end = source.rindex(END_OF_RUNTIME) + len(END_OF_RUNTIME)
    return source[end:].lstrip("\n")


def golden() -> dict[str, Make]:
    """The graphs whose C is kept in tests/golden/ and read by people."""
    return {
        "exp_matmul_add": exp_matmul_add,
        "softmax_cross_entropy": softmax_cross_entropy,
        "matmul_bias_relu": matmul_bias_relu,
        "max_pool": max_pool,
        "sgd_update": sgd_update,
    }


def exp_matmul_add() -> Graph:
    """The example of docs/walk.md and docs/compiler.md."""

    def forward(a: rl.Tensor, b: rl.Tensor, c: rl.Tensor) -> rl.Tensor:
        return (a @ b + c).exp()

    return rl.trace(forward, rl.zeros(4, 6), rl.zeros(6, 8), rl.zeros(8))


def softmax_cross_entropy() -> Graph:
    """The loss of 32 rows of 10 scores, and its gradient for the scores."""

    def loss(scores: rl.Tensor, labels: rl.Tensor) -> rl.Tensor:
        return rl.nn.functional.cross_entropy(scores, labels)

    labels = rl.zeros(32, dtype=rl.int64)
    return rl.trace(rl.value_and_grad(loss), rl.zeros(32, 10), labels)


def matmul_bias_relu() -> Graph:
    def layer(x: rl.Tensor, weight: rl.Tensor, bias: rl.Tensor) -> rl.Tensor:
        return (x @ weight + bias).relu()

    return rl.trace(layer, rl.zeros(64, 100), rl.zeros(100, 48), rl.zeros(48))


def max_pool() -> Graph:
    return rl.trace(rl.nn.MaxPool2d(2), rl.zeros(4, 8, 12, 12))


def sgd_update() -> Graph:
    """A captured weight that moves against a gradient, in place."""
    weight, rate = rl.zeros(48, 100), rl.tensor(0.1)
    weight.name, rate.name = "weight", "rate"

    def update(gradient: rl.Tensor) -> None:
        weight.assign(weight - rate * gradient)

    return rl.trace(update, rl.zeros(48, 100))


def all_graphs() -> dict[str, Make]:
    """Every graph of the list by name."""
    found = golden()
    for name, model, optimizer, batch in models():
        found[f"{name}_step"] = bind(training, model, optimizer, batch)
        for rows in (1, 256):
            found[f"{name}_predict_{rows}"] = bind(inference, model, batch, rows)
    for seed in range(SEEDS):
        found[f"random_{seed:02}"] = bind(random_one, seed)
    return found


def bind(function: Callable[..., Graph], *args: Any) -> Make:
    return lambda: function(*args)


def models() -> Iterator[tuple[str, rl.nn.Module, rl.optim.Optimizer, list[rl.Tensor]]]:
    """Yield the networks of recipes, with an optimiser and a batch for each."""
    rl.manual_seed(0)
    labels = rl.zeros(128, dtype=rl.int64)
    dense = digits.build("relu")
    sgd = rl.optim.SGD(dense.parameters(), lr=0.05)
    yield "digits", dense, sgd, [rl.zeros(128, 784), labels]
    convolution = digits_cnn.build()
    adam = rl.optim.Adam(convolution.parameters(), lr=1e-4)
    yield "digits_cnn", convolution, adam, [rl.zeros(128, 1, 28, 28), labels]
    words = spam.build(100, 0, 0.0)
    sgd = rl.optim.SGD(words.parameters(), lr=0.1)
    yield "spam", words, sgd, [rl.zeros(1, 5, dtype=rl.int64), labels[:1]]


def training(model: rl.nn.Module, optimizer: rl.optim.Optimizer, batch: list[rl.Tensor]) -> Graph:
    model.train()
    step = make_step(model, rl.nn.functional.cross_entropy, optimizer)
    return rl.trace(step, *batch)


def inference(model: rl.nn.Module, batch: list[rl.Tensor], rows: int) -> Graph:
    model.eval()
    x = batch[0]
    return rl.trace(model, rl.zeros(rows, *x.shape[1:], dtype=x.dtype))


def random_one(seed: int) -> Graph:
    return random_graph(seed)[0]


def write(graphs: dict[str, Make], folder: Path) -> None:
    """Write each graph's C to a file of its name; what has no C says so in its place."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, make in graphs.items():
        try:
            text = kernels_of(compile_graph(make()).source)
        except NotImplementedError as error:
            text = f"/* There is no C for {error} yet. */\n"
        (folder / f"{name}.c").write_text(text, encoding="utf-8")


def write_golden() -> None:
    """Write the files of tests/golden/, and the one of them that the page shows."""
    write(golden(), ROOT / GOLDEN)
    shown = (ROOT / GOLDEN / "exp_matmul_add.c").read_text(encoding="utf-8")
    page = (ROOT / PAGE).read_text(encoding="utf-8")
    (ROOT / PAGE).write_text(C_OF_PAGE.sub(lambda _: shown, page), encoding="utf-8")


def unpack(revision: str, folder: Path) -> None:
    """Put the package as of a revision into a folder, with this script beside it."""
    command = ["git", "archive", revision, "rushlight"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True)
    if done.returncode:
        raise SystemExit(done.stderr.decode(errors="replace").strip())
    with tarfile.open(fileobj=io.BytesIO(done.stdout)) as archive:
        archive.extractall(folder, filter="data")
    (folder / "scripts").mkdir()
    shutil.copy(__file__, folder / "scripts")


def show_difference(revision: str) -> int:
    """Print the difference from a revision; return 0 where there is none, else 1."""
    with tempfile.TemporaryDirectory(prefix="rushlight-") as name:
        folder = Path(name)
        unpack(revision, folder / "checkout")
        script = folder / "checkout" / "scripts" / Path(__file__).name
        subprocess.run([sys.executable, str(script), str(folder / "before")], check=True)
        write(all_graphs(), folder / "after")
        command = ["git", "--no-pager", "diff", "--no-index", "--stat", "--patch"]
        done = subprocess.run([*command, "before", "after"], cwd=folder)
    if done.returncode == 0:
        print(f"the emitted C is that of {revision}")
    return done.returncode


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    chosen = parser.add_mutually_exclusive_group(required=True)
    chosen.add_argument("folder", nargs="?", type=Path, help="where to write the C")
    chosen.add_argument("--against", metavar="REVISION", help="a commit, branch or tag")
    chosen.add_argument("--golden", action="store_true", help="write the approved C anew")
    given = parser.parse_args()
    if given.against is not None:
        return show_difference(given.against)
    if given.golden:
        write_golden()
    else:
        write(all_graphs(), given.folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
