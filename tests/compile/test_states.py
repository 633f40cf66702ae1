"""Captured tensors: compiled code changes them in place, and nobody else's values with them."""

import copy
import gc
import os
import pickle
import threading
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import rushlight as rl
from rushlight.compile.toolchain import find_compiler
from rushlight.core.errors import CompileError

LARGE = 300_000  # elements of a state that lies on huge pages, where there are any
linear = rl.nn.functional.linear  # for which compiled code wants the axes of the weight exchanged


@pytest.fixture(autouse=True)
def _compiler() -> None:
    try:
        find_compiler()
    except CompileError:
        pytest.skip("there is no C compiler")


def counter(shape: Any = 3, dtype: str = "float32") -> tuple[rl.Tensor, Any]:
    """Return a tensor of zeros, and a compiled function that adds one to it."""
    w = rl.zeros(shape, dtype=dtype)

    @rl.compile
    def count() -> rl.Tensor:
        w.assign(w + 1.0)
        return w.sum()

    return w, count


def place(x: rl.Tensor) -> int:
    return int(x.numpy().ctypes.data)


def test_a_state_that_nobody_else_holds_stays_where_it_is() -> None:
    w, count = counter()
    count()
    first = place(w)
    for _ in range(5):
        count()
        assert place(w) == first
    assert w.tolist() == [6.0, 6.0, 6.0]


HOLDERS: dict[str, Callable[[rl.Tensor], Any]] = {
    "numpy": lambda w: w.numpy(),
    "part of numpy": lambda w: w.numpy()[1:],
    "reversed numpy": lambda w: w.numpy()[::-1],
    "asarray": np.asarray,
    "memoryview": lambda w: memoryview(w.numpy()),
    "dlpack": lambda w: np.from_dlpack(w.numpy()),
    "detach": lambda w: w.detach(),
    "copy": copy.copy,
    "reshape": lambda w: w.reshape(3, 1),
    "slice": lambda w: w[0:2],
    "state dict": lambda w: {"w": w.numpy()},
    "buffer": lambda w: np.frombuffer(w.numpy(), np.float32),
}


def values(held: Any) -> list[float]:
    if isinstance(held, dict):
        held = held["w"]
    array = held.numpy() if isinstance(held, rl.Tensor) else np.asarray(held)
    return [float(x) for x in array.reshape(-1)]


@pytest.mark.parametrize("name", HOLDERS)
def test_what_others_hold_of_a_state_keeps_its_values(name: str) -> None:
    w, count = counter()
    count()
    kept = []
    for number in range(1, 5):
        held = HOLDERS[name](w)
        kept.append((held, [float(number)] * len(values(held))))
        del held
        count()
    for held, wanted in kept:
        assert values(held) == wanted
    assert w.tolist() == [5.0, 5.0, 5.0]
    kept.clear()
    del held
    count()
    first = place(w)
    count()
    assert place(w) == first


@pytest.mark.parametrize("name", sorted(HOLDERS.keys() - {"reshape"}))
def test_what_others_hold_of_a_large_state_keeps_its_values(name: str) -> None:
    w, count = counter(LARGE)
    count()
    first = place(w)
    count()
    assert place(w) == first
    held = HOLDERS[name](w)
    count()
    assert set(values(held)) == {2.0}
    assert set(w.tolist()) == {3.0}
    second = place(w)
    del held
    count()
    assert second == place(w) != first


def test_what_is_held_from_before_the_first_call_keeps_its_values() -> None:
    w, count = counter()
    view, twin = w.numpy(), w.detach()
    count()
    assert (view.tolist(), twin.tolist(), w.tolist()) == ([0.0] * 3, [0.0] * 3, [1.0] * 3)


def test_an_argument_may_be_what_the_state_was_detached_to() -> None:
    w = rl.tensor([1.0, 2.0])

    @rl.compile
    def step(x: rl.Tensor) -> rl.Tensor:
        w.assign(w * 2.0)
        return x + w

    for number in (1.0, 2.0, 4.0):
        x = w.detach()
        assert step(x).tolist() == [3 * number, 6 * number]
        assert x.tolist() == [number, 2 * number]


def test_a_value_saved_for_the_backward_pass_is_kept_or_refused() -> None:
    w, count = counter()
    count()
    a = rl.tensor([1.0, 2.0, 3.0], requires_grad=True)
    frozen = w.detach()
    loss = (a * frozen).sum()
    count()
    loss.backward()
    assert a.grad.tolist() == [1.0, 1.0, 1.0]
    loss = (a * w).sum()
    count()
    with pytest.raises(rl.GradientError, match="was assigned to since"):
        loss.backward()


def test_eager_ops_between_calls_see_and_change_the_state() -> None:
    w, count = counter()
    assert count().item() == 3.0
    assert (w * 10.0).tolist() == [10.0] * 3
    w.assign([5.0, 6.0, 7.0])
    assert count().item() == 21.0
    assert w.tolist() == [6.0, 7.0, 8.0]
    w.assign(w * 2.0)
    assert count().item() == 45.0


def test_a_tensor_assigned_from_a_state_keeps_what_it_got() -> None:
    w, count = counter()
    count()
    best = rl.zeros(3)
    best.assign(w)
    count()
    count()
    assert (best.tolist(), w.tolist()) == ([1.0] * 3, [3.0] * 3)
    w.assign(best)
    count()
    assert (best.tolist(), w.tolist()) == ([1.0] * 3, [2.0] * 3)


def test_a_deep_copy_is_apart() -> None:
    model = rl.nn.Linear(2, 1, bias=False)
    step = rl.compile(lambda: model.weight.assign(model.weight + 1.0))
    step()
    before = model.weight.numpy().copy()
    twin = copy.deepcopy(model)
    step()
    np.testing.assert_array_equal(twin.weight.numpy(), before)
    twin.weight.assign(twin.weight * 0.0)
    step()
    np.testing.assert_allclose(model.weight.numpy(), before + 2.0, rtol=1e-6)


def test_a_pickled_state_comes_back_as_a_tensor_of_its_own() -> None:
    w, count = counter()
    count()
    twin = pickle.loads(pickle.dumps(w))
    assert twin.home is None
    again = rl.compile(lambda: twin.assign(twin + 10.0))
    again()
    again()
    count()
    assert (twin.tolist(), w.tolist()) == ([21.0] * 3, [2.0] * 3)


def test_copies_of_a_tensor_part_ways_when_one_is_changed() -> None:
    w, count = counter()
    count()
    twin = copy.copy(w)
    bump = rl.compile(lambda: twin.assign(twin + 10.0))
    count()
    bump()
    count()
    bump()
    assert (w.tolist(), twin.tolist()) == ([3.0] * 3, [21.0] * 3)


@pytest.mark.parametrize("shape", [(), (0,), (1,), (3, 0, 2), (1, 4), (4, 1), (2, 3, 4)])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_states_of_any_shape_are_changed(shape: tuple[int, ...], dtype: str) -> None:
    w, count = counter(shape, dtype)
    for _ in range(3):
        count()
    view = w.numpy()
    count()
    assert w.shape == shape
    np.testing.assert_array_equal(view, np.full(shape, 3.0, dtype))
    np.testing.assert_array_equal(w.numpy(), np.full(shape, 4.0, dtype))


def test_functions_that_want_the_same_states_in_different_orders_take_them_in_turn() -> None:
    random = np.random.default_rng(0)
    w = rl.tensor(random.standard_normal((40, 24)).astype(np.float32))
    twin = rl.tensor(w.numpy())
    x, y = (rl.tensor(random.standard_normal((8, n)).astype(np.float32)) for n in (40, 24))

    def right(w: rl.Tensor) -> rl.Tensor:
        w.assign(w * 0.5 + 0.25)
        return x @ w

    def left(w: rl.Tensor) -> rl.Tensor:
        w.assign(w * 2.0 - 0.5)
        return linear(y, w)

    functions = [(one, rl.compile(lambda one=one: one(w))) for one in (right, left)]
    readers = [rl.compile(lambda: x @ w), rl.compile(lambda: linear(y, w))]
    for _ in range(3):
        for eager, compiled in functions:
            np.testing.assert_allclose(compiled().numpy(), eager(twin).numpy(), 1e-4, 1e-4)
            np.testing.assert_allclose(readers[0]().numpy(), (x @ twin).numpy(), 1e-4, 1e-4)
            np.testing.assert_allclose(readers[1]().numpy(), linear(y, twin).numpy(), 1e-4, 1e-4)
            np.testing.assert_allclose(w.numpy(), twin.numpy(), 1e-5, 1e-6)


def test_readers_in_different_orders_follow_eager_assignments() -> None:
    random = np.random.default_rng(0)
    w = rl.zeros(40, 24)
    x, y = (rl.tensor(random.standard_normal((8, n)).astype(np.float32)) for n in (40, 24))
    right, left = rl.compile(lambda: x @ w), rl.compile(lambda: linear(y, w))
    for number in (1.0, 2.0, 3.0):
        w.assign(rl.ones(40, 24) * number)
        for _ in range(2):
            np.testing.assert_allclose(right().numpy(), (x @ w).numpy(), 1e-4, 1e-4)
            np.testing.assert_allclose(left().numpy(), linear(y, w).numpy(), 1e-4, 1e-4)


def make_training() -> tuple[Any, Any, Callable[[], Any]]:
    rl.manual_seed(3)
    model = rl.nn.Linear(3, 2)
    optimizer = rl.optim.Adam(model.parameters(), lr=0.1)
    x, y = rl.ones(4, 3), rl.tensor([0, 1, 0, 1])

    def step() -> rl.Tensor:
        loss = rl.nn.functional.cross_entropy(model(x), y)
        optimizer.backward_step(loss)
        return loss

    return model, optimizer, step


def test_the_optimisers_state_may_be_loaded_between_calls() -> None:
    results = []
    for wrap in (rl.compile, lambda step: step):
        model, optimizer, step = make_training()
        run = wrap(step)
        run()
        saved = [
            {name: x.numpy().copy() for name, x in one.state_dict().items()}
            for one in (model, optimizer)
        ]
        first = [run().item() for _ in range(3)]
        model.load_state_dict(saved[0])
        optimizer.load_state_dict(saved[1])
        second = [run().item() for _ in range(3)]
        assert first == second
        results.append(first)
    np.testing.assert_allclose(*results, rtol=1e-5)


def test_what_is_saved_while_training_goes_on_is_of_one_moment() -> None:
    _, optimizer, step = make_training()
    run = rl.compile(step)
    run()
    snapshot = {name: x.numpy() for name, x in optimizer.state_dict().items()}
    wanted = {name: array.copy() for name, array in snapshot.items()}
    for _ in range(3):
        run()
    for name, array in snapshot.items():
        np.testing.assert_array_equal(array, wanted[name])
    assert optimizer.count.item() == wanted["count"] + 3


def test_a_tensor_goes_when_its_function_does() -> None:
    w, count = counter()
    count()
    array = weakref.ref(w.data)
    tensor = weakref.ref(w)
    del w, count
    gc.collect()
    assert (tensor(), array()) == (None, None)


def test_a_captured_tensor_that_becomes_another_kind_is_refused_or_traced_anew() -> None:
    w, count = counter()
    count()
    w.data = np.zeros(4, np.float32)
    with pytest.raises(rl.TraceError, match=r"was float32 \(3,\) when .* is float32 \(4,\)"):
        count()
    model = rl.nn.Linear(2, 1)
    run = rl.compile(lambda x: model(x))
    assert run(rl.ones(1, 2)).dtype is rl.float32
    model.cast("float64")
    assert run(rl.ones(1, 2, dtype="float64")).dtype is rl.float64


def in_threads(work: list[Callable[[], None]]) -> None:
    """Run functions at once, and raise what one of them raises."""
    errors: list[BaseException] = []

    def guarded(one: Callable[[], None]) -> None:
        try:
            one()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=guarded, args=(one,)) for one in work]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]


@pytest.mark.parametrize("native", [True, False])
def test_readers_in_other_threads_see_a_state_before_or_after_a_change(native: bool) -> None:
    w, count = counter(500_000)
    spread = rl.compile(lambda: (w.min(), w.max()), native=native)

    def write() -> None:
        for _ in range(100):
            count()

    def read() -> None:
        for _ in range(100):
            low, high = spread()
            assert low.item() == high.item()

    in_threads([write, read, read])
    assert w.numpy()[0] == 100.0


def test_two_functions_that_change_the_same_state_take_turns() -> None:
    w = rl.zeros(1000)
    up = rl.compile(lambda: w.assign(w + 2.0))
    down = rl.compile(lambda: w.assign(w - 1.0), native=False)
    in_threads([lambda one=one: [one() for _ in range(200)] for one in (up, down, up, down)])
    assert set(w.tolist()) == {400.0}


def test_gradients_that_add_up_in_many_threads_are_all_counted() -> None:
    w = rl.tensor([1.0], requires_grad=True)
    w.grad = rl.tensor([0.0])
    add = rl.compile(lambda x: (w * x).sum().backward())
    in_threads([lambda: [add(rl.ones(1)) for _ in range(100)] for _ in range(4)])
    assert w.grad.tolist() == [400.0]


def test_functions_without_state_run_in_many_threads_at_once() -> None:
    random = np.random.default_rng(0)
    product = rl.compile(lambda x, y: (x @ y).relu())
    pairs = [
        [rl.tensor(random.standard_normal((96, 96)).astype(np.float32)) for _ in range(2)]
        for _ in range(6)
    ]
    wanted = [product(x, y).numpy() for x, y in pairs]

    def work(number: int) -> None:
        for _ in range(100):
            np.testing.assert_array_equal(product(*pairs[number]).numpy(), wanted[number])

    in_threads([lambda number=number: work(number) for number in range(len(pairs))])
    assert len(product.graphs) == 1


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
@pytest.mark.parametrize("size", [20_000, LARGE])
def test_a_forked_process_goes_on_with_states_of_its_own(size: int) -> None:
    w, count = counter(size)
    count()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            count()
            code = 0 if set(w.tolist()) == {2.0} else 2
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    count()
    count()
    assert set(w.tolist()) == {3.0}
