"""Asking the digits networks: one picture on one thread, and 256 pictures on two.

Ours is a compiled function bound to its buffers, called from Python; ONNX Runtime's is
`session.run`, and once more with its buffers bound.
"""

from functools import partial

import numpy as np

import rushlight as rl
from benchmarks import digits, digits_cnn
from benchmarks.native import need_native
from benchmarks.sides import ONNX, Figures, Measure, Side, Task, a_call, threads
from benchmarks.work import forward_flop
from rushlight.data import mnist
from rushlight.recipes import digits_cnn as recipe

SHAPES = {"mlp": (784,), "cnn": (1, 28, 28)}
LAYERS = {"mlp": digits.LAYERS, "cnn": digits_cnn.LAYERS}


def network(kind: str) -> rl.nn.Sequential:
    rl.manual_seed(0)
    model = digits.network() if kind == "mlp" else recipe.build()
    model.eval()
    return model


def pictures(kind: str, batch: int) -> np.ndarray:
    images = mnist.load().test_images[:batch]
    return images.reshape(batch, *SHAPES[kind]) * np.float32(1 / 255)


def check(kind: str, x: np.ndarray, scores: np.ndarray) -> None:
    """Raise unless scores are what the network gives op by op."""
    with rl.no_grad():
        wanted = network(kind)(rl.tensor(x)).numpy()
    np.testing.assert_allclose(scores, wanted, rtol=1e-4, atol=1e-5)


def ours(quick: bool, kind: str, batch: int) -> Figures:
    x = pictures(kind, batch)
    function = rl.compile(network(kind))
    with rl.no_grad():
        bound = function.bind(rl.tensor(x))
        scores = bound()
        check(kind, x, scores.numpy())
        found = a_call(bound, quick)
    need_native(function)
    return {"call": found * 1e6}


def onnx_session(kind: str, batch: int):
    import onnxruntime

    from benchmarks.onnx_models import onnx_model

    made = onnx_model(network(kind), (batch, *SHAPES[kind]), scores=10)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads()
    options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(
        made.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )


def onnx(quick: bool, kind: str, batch: int) -> Figures:
    x = pictures(kind, batch)
    session = onnx_session(kind, batch)
    given = {"x": x}
    check(kind, x, session.run(None, given)[0])
    return {"call": a_call(lambda: session.run(None, given), quick) * 1e6}


def onnx_bound(quick: bool, kind: str, batch: int) -> Figures:
    x, scores = pictures(kind, batch), np.zeros((batch, 10), np.float32)
    session = onnx_session(kind, batch)
    binding = session.io_binding()
    for bind, name, array in [
        (binding.bind_input, "x", x),
        (binding.bind_output, "scores", scores),
    ]:
        bind(name, "cpu", 0, np.float32, array.shape, array.ctypes.data)
    session.run_with_iobinding(binding)
    check(kind, x, scores)
    return {"call": a_call(lambda: session.run_with_iobinding(binding), quick) * 1e6}


def task(kind: str, batch: int, count: int) -> Task:
    bound = f"{ONNX}, bound"
    sides: dict[str, Side] = {
        name: partial(side, kind=kind, batch=batch)
        for name, side in (("ours", ours), (ONNX, onnx), (bound, onnx_bound))
    }
    pictures = "one picture" if batch == 1 else f"{batch} pictures"
    flop = batch * forward_flop(LAYERS[kind])
    measure = Measure(pictures, "µs", "call", "ours", (ONNX, bound), flop, count)
    return Task(sides, (measure,), dict.fromkeys(sides, count))


MLP_1 = task("mlp", 1, 1)
CNN_1 = task("cnn", 1, 1)
MLP_256 = task("mlp", 256, 2)
CNN_256 = task("cnn", 256, 2)
