"""`max_batch`: one compiled object for batches of any size."""

from typing import Any

import numpy as np
import pytest

import rushlight as rl
from rushlight.testing.compare import assert_close

F = rl.nn.functional
either = pytest.mark.parametrize("native", [True, False])


def networks() -> dict[str, tuple[rl.nn.Module, tuple[int, ...]]]:
    rl.manual_seed(0)
    nn = rl.nn
    return {
        "dense": (nn.Sequential(nn.Linear(5, 9), nn.ReLU(), nn.Linear(9, 3)), (5,)),
        "softmax": (nn.Sequential(nn.Linear(8, 8), nn.Softmax(), nn.LayerNorm(8)), (8,)),
        "norm": (nn.Sequential(nn.Linear(5, 8), nn.BatchNorm(8), nn.Dropout(0.5)), (5,)),
        "convolution": (
            nn.Sequential(
                nn.Conv2d(1, 3, 3, padding=1),
                nn.ReLU(),
                nn.MaxPool2d(2),
                nn.Flatten(),
                nn.Linear(3 * 16, 4),
            ),
            (1, 8, 8),
        ),
        "images": (nn.Sequential(nn.Conv2d(2, 3, 3), nn.ReLU(), nn.Conv2d(3, 2, 1)), (2, 6, 6)),
        "signals": (
            nn.Sequential(nn.Conv1d(2, 3, 3), nn.MaxPool1d(2), nn.AdaptiveAvgPool1d(3)),
            (2, 11),
        ),
        "volumes": (
            nn.Sequential(nn.Conv3d(1, 2, 2), nn.MaxPool3d(2, 1), nn.AvgPool3d(2)),
            (1, 5, 5, 6),
        ),
        "attention": (nn.MultiHeadAttention(8, 2, causal=True, positions=nn.ALiBi(2)), (5, 8)),
        "sizes": (
            nn.Sequential(
                nn.ConvTranspose2d(2, 4, 2, 2),
                nn.AdaptiveMaxPool2d((5, 3)),
                nn.PixelShuffle(2),
                nn.Upsample(scale_factor=2),
                nn.Upsample(size=(7, 9), mode="bilinear"),
            ),
            (2, 4, 4),
        ),
    }


@either
@pytest.mark.parametrize("name", networks())
def test_batches_of_every_size_give_what_the_network_gives(name: str, native: bool) -> None:
    network, shape = networks()[name]
    network.eval()
    random = np.random.default_rng(0)
    compiled = rl.compile(network, native=native, max_batch=70)
    with rl.no_grad():
        for rows in (1, 2, 7, 8, 9, 61, 64, 65, 69, 70, 0):
            x = rl.tensor(random.standard_normal((rows, *shape)).astype(np.float32))
            assert_close(compiled(x), network(x), rtol=1e-4, atol=1e-5, what=f"{rows} rows")
    assert len(compiled.graphs) == 1
    if native and not compiled.fallbacks:
        assert repr(compiled).endswith("1 graph, 1 as C>")


@either
def test_rows_of_several_tensors_and_results_stay_together(native: bool) -> None:
    random = np.random.default_rng(0)
    table = rl.tensor(random.standard_normal((10, 4)).astype(np.float32))

    def function(ids: rl.Tensor, scale: rl.Tensor, one: rl.Tensor) -> Any:
        words = rl.take(table, ids)
        start = rl.zeros(ids.shape[0], 4)
        mean = words.mean(1) + start
        best = mean.argmax(1)
        return {"mean": mean * scale, "best": best, "both": rl.concat([mean, words[:, 0]], 1) + one}

    compiled = rl.compile(function, native=native, max_batch=20)
    for rows in (1, 3, 8, 19, 20):
        ids = rl.tensor(random.integers(0, 10, (rows, 3)))
        scale = rl.tensor(random.standard_normal((rows, 1)).astype(np.float32))
        got, wanted = (f(ids, scale, rl.tensor(2.0)) for f in (compiled, function))
        for name in wanted:
            assert_close(got[name], wanted[name], what=name)
    assert len(compiled.graphs) == 1


def test_memory_that_is_not_in_order_is_taken() -> None:
    compiled = rl.compile(lambda x: x * 2.0, max_batch=30)
    array = np.arange(40.0, dtype=np.float32).reshape(2, 20).T
    np.testing.assert_array_equal(compiled(rl.Tensor.wrap(array)).numpy(), array * 2)


@pytest.mark.parametrize(
    ("op", "function"),
    [
        ("mean", lambda x: x - x.mean(0)),
        ("max", lambda x: x.softmax(0)),
        ("sum", lambda x: x.sum()),
        ("slice", lambda x: x[1:]),
        ("slice", lambda x: x[::-1]),
        ("matmul", lambda x: x @ x.T),
        ("matmul", lambda x: (x.T @ x) @ x.T),
        ("attention", lambda x: F.attention(*[x.reshape(1, x.shape[0], 4)] * 3)),
        ("take", lambda x: rl.take(x, [0, 0])),
        ("take", lambda x: rl.take(x, x.argmax(1))),
        ("gather", lambda x: x.gather(0, x.cast("int64"))),
        ("reshape", lambda x: x.reshape(-1, 2)),
        ("concat", lambda x: rl.concat([x, x])),
        ("place", lambda x: x.pad([(1, 0), (0, 0)])),
        ("scan", lambda x: rl.scan(lambda h, _: ((h * x).tanh(), None), x, length=2)[0]),
        ("cond", lambda x: rl.cond(rl.tensor(True), lambda x: x, lambda x: x * 2.0, x)),
    ],
)
def test_an_op_that_mixes_rows_is_named(op: str, function: Any) -> None:
    with pytest.raises(rl.TraceError, match=f"{op} mixes the rows|has no rows") as caught:
        rl.compile(function, max_batch=100)(rl.ones(3, 4))
    assert "leave max_batch out" in str(caught.value.hint)


def test_what_depends_on_the_number_of_rows_is_refused() -> None:
    for function in (
        lambda x: x * float(x.shape[0]),
        lambda x: x if x.shape[0] > 10 else x + 1.0,
        lambda x: x[:, min(x.shape[0], 3) :],
        lambda x: x + rl.tensor(np.arange(float(x.shape[0]), dtype=np.float32)).reshape(-1, 1),
    ):
        with pytest.raises(rl.TraceError, match=r"different things|mixes the rows"):
            rl.compile(function, max_batch=100)(rl.ones(3, 4))


def test_a_function_that_fails_for_other_batches_is_refused_with_the_reason() -> None:
    def only_three(x: rl.Tensor) -> rl.Tensor:
        return x + rl.ones(3, 4)

    with pytest.raises(rl.TraceError) as caught:
        rl.compile(only_three, max_batch=8)(rl.ones(3, 4))
    assert caught.value.fact.startswith("only_three works for these rows, but not for 61: add: ")
    with pytest.raises(rl.ShapeError, match=r"\(2, 4\)"):
        rl.compile(only_three, max_batch=8)(rl.ones(2, 4))


def test_what_changes_tensors_is_refused() -> None:
    w = rl.ones(4, requires_grad=True)
    for function in (lambda x: w.assign(w * 2.0) * x, lambda x: (x * w).sum().backward()):
        with pytest.raises(rl.TraceError, match="changes tensors"):
            rl.compile(function, max_batch=8)(rl.ones(3, 4))
    with pytest.raises(rl.TraceError, match=r"random_bits mixes the rows|changes tensors"):
        rl.compile(rl.nn.Dropout(0.5), max_batch=8)(rl.ones(3, 4))


def test_wrong_batches_are_refused() -> None:
    compiled = rl.compile(lambda x, y: x + y, max_batch=8)
    with pytest.raises(rl.ShapeError, match="a batch of 9 is more than max_batch=8"):
        compiled(rl.ones(9, 2), rl.ones(9, 2))
    with pytest.raises(rl.ShapeError, match="have 2 and 3 rows"):
        compiled(rl.ones(3, 2), rl.ones(2, 2))
    for wrong in (0, -1, 1.5, True, "8"):
        with pytest.raises(rl.UsageError, match="max_batch is an int of at least 1"):
            rl.compile(lambda x: x, max_batch=wrong)
    table = rl.ones(3, 2)
    look_up = rl.compile(lambda i: rl.take(table, i), max_batch=20)
    assert look_up(rl.tensor([0] * 13)).shape == (13, 2)
    with pytest.raises(rl.BoundsError, match="index 5"):
        look_up(rl.tensor([0] * 12 + [5]))


def test_weights_that_change_are_seen() -> None:
    w = rl.tensor([1.0, 2.0])
    compiled = rl.compile(lambda x: x * w, max_batch=20)
    assert compiled(rl.ones(11, 2)).tolist()[10] == [1.0, 2.0]
    w.assign([3.0, 4.0])
    assert compiled(rl.ones(11, 2)).tolist()[10] == [3.0, 4.0]
    double = rl.compile(lambda: w.assign(w * 2.0))
    double()
    double()
    assert compiled(rl.ones(11, 2)).tolist()[10] == [12.0, 16.0]
