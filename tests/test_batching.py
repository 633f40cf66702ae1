"""vmap: each item gets what the function gives for it alone, whatever the function does."""

import numpy as np
import pytest

import rushlight as rl
from rushlight import nn
from rushlight.core.primitive import PRIMITIVES
from rushlight.testing.cases import Case, cases
from rushlight.testing.compare import assert_close, assert_identical

COUNT = 3
CASES = [
    case
    for primitive in PRIMITIVES.values()
    for case in cases(primitive, rl.float32)
    if case.layout == "plain"
]


def items_of(case: Case) -> list[list[rl.Tensor]]:
    """Return as many inputs of the case as there are items, all of them valid."""
    found = []
    for item in range(COUNT):
        inputs = case.inputs()
        found.append([x if item == 0 or not x.ndim else moved(x, item) for x in inputs])
    return found


def moved(x: rl.Tensor, by: int) -> rl.Tensor:
    """The same numbers in other places, which are indices, states or taps as before."""
    if x.dtype is rl.uint32 and x.shape == (4,):
        return x
    return rl.Tensor.wrap(np.roll(x.data, by).copy(), x._dtype)


def as_tuple(result: object) -> tuple[rl.Tensor, ...]:
    return result if isinstance(result, tuple) else (result,)


@pytest.mark.parametrize("only_first", [False, True], ids=["all", "first"])
@pytest.mark.parametrize("case", CASES, ids=str)
def test_every_primitive_gives_for_many_items_what_it_gives_for_each(
    case: Case, only_first: bool
) -> None:
    rows = items_of(case)
    mapped = [not only_first or place == 0 for place in range(len(rows[0]))]
    rows = [
        [x if own else rows[0][i] for i, (x, own) in enumerate(zip(row, mapped, strict=True))]
        for row in rows
    ]
    stacked = [
        rl.Tensor.wrap(np.stack([row[i].data for row in rows]), rows[0][i].dtype)
        if own
        else rows[0][i]
        for i, own in enumerate(mapped)
    ]
    got = rl.vmap(case, in_axes=[0 if own else None for own in mapped])(*stacked)
    wanted = [as_tuple(case(*row)) for row in rows]
    for place, one in enumerate(as_tuple(got)):
        assert one.shape == (COUNT, *wanted[0][place].shape)
        for item in range(COUNT):
            assert_close(one[item], wanted[item][place])


def network():
    rl.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(1, 3, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(12, 2)
    )


def test_a_network_written_for_one_batch_takes_many_without_a_loop():
    net, x = network(), rl.randn(5, 4, 1, 6, 6)
    mapped = rl.vmap(net)
    for got, one in zip(mapped(x), x, strict=True):
        assert_close(got, net(one))
    assert len(rl.trace(mapped, x).nodes) <= len(rl.trace(net, x[0]).nodes) + 12


def test_each_item_has_a_gradient_of_its_own():
    net = nn.Linear(3, 2)
    x, labels = rl.randn(4, 3), rl.tensor([0, 1, 1, 0])

    def loss(weight, x, label):
        scores = nn.functional.linear(x.unsqueeze(0), weight, net.bias)
        return nn.functional.cross_entropy(scores, label.unsqueeze(0))

    got = rl.vmap(rl.grad(loss), in_axes=(None, 0, 0))(net.weight, x, labels)
    for item in range(4):
        assert_close(got[item], rl.grad(loss)(net.weight, x[item], labels[item]))


def test_gradients_go_back_through_it_to_arguments_and_captured_weights():
    w = rl.randn(3, 2).requires_grad_()
    x = rl.randn(4, 3).requires_grad_()

    def gradients(rows):
        return rl.gradients_of((rows * rows.exp()).sum(), [w, x])

    got = gradients(rl.vmap(lambda x: (x @ w).tanh() * x.sum())(x))
    wanted = gradients(rl.stack([(row @ w).tanh() * row.sum() for row in x]))
    for one, other in zip(got, wanted, strict=True):
        assert_close(one, other)


def test_one_within_another_makes_a_table_of_pairs():
    distance = lambda a, b: ((a - b) ** 2.0).sum()  # noqa: E731
    table = rl.vmap(rl.vmap(distance, in_axes=(None, 0)), in_axes=(0, None))
    a, b = rl.randn(3, 5), rl.randn(4, 5)
    assert_close(table(a, b), ((a.unsqueeze(1) - b) ** 2.0).sum(2))


def test_in_a_compiled_step_it_is_part_of_the_graph_and_has_c():
    net = nn.Linear(3, 2)

    def norms(x):
        return rl.vmap(rl.grad(lambda x: (net(x) ** 2.0).sum()))(x).norm(axis=1)

    x = rl.randn(6, 3)
    compiled = rl.compile(norms)
    assert_close(compiled(x), norms(x), rtol=1e-5)
    assert not compiled.fallbacks


def test_a_compiled_function_within_it_is_the_function_itself():
    x = rl.randn(3, 4)
    assert_identical(rl.vmap(rl.compile(lambda x: x.softmax()))(x), x.softmax())


def test_axes_trees_and_what_is_the_same_for_all():
    x, scale = rl.randn(4, 3), rl.tensor([1.0, 2.0, 3.0])

    def function(pair, *, shift):
        return {"sum": pair[0] * pair[1] + shift, "same": scale}

    got = rl.vmap(function, in_axes=1, out_axes=1)((x, x), shift=1.0)
    assert_close(got["sum"], x * x + 1.0)
    assert got["same"].shape == (3, 3)
    assert_close(got["same"][:, 0], scale)


def test_random_numbers_are_the_same_for_all_items():
    rl.manual_seed(0)
    rows = rl.vmap(lambda x: nn.functional.dropout(x, 0.5))(rl.ones(3, 100))
    assert 0.0 in rows[0].tolist() and 2.0 in rows[0].tolist()
    assert_identical(rows[1], rows[0])


@pytest.mark.parametrize(
    ("call", "kind", "fact"),
    [
        (lambda x: rl.vmap(lambda a, b: a + b)(x, rl.ones(3)), rl.ShapeError, "have 2 and 3 items"),
        (lambda x: rl.vmap(lambda a: a, in_axes=None)(x), rl.UsageError, "no argument has items"),
        (lambda x: rl.vmap(lambda a: a, in_axes=(0, 0))(x), rl.UsageError, "2 axes for 1 argum"),
        (lambda x: rl.vmap(lambda a: a)(rl.ones(0, 2)), rl.ShapeError, "there are no items"),
        (lambda x: rl.vmap(lambda a: a)(rl.ones(())), rl.ShapeError, "there are no axes"),
        (lambda x: rl.vmap(lambda a: a if a.sum() > 0 else -a)(x), rl.TraceError, "one value"),
        (lambda x: rl.vmap(lambda a: a @ rl.ones(4))(x), rl.ShapeError, "inner sizes differ: 3"),
        (lambda x: rl.vmap(5)(x), rl.UsageError, "a function, not 5"),
    ],
)
def test_what_cannot_be_done_is_said(call, kind, fact):
    with pytest.raises(kind, match=fact):
        call(rl.ones(2, 3))


def test_a_captured_tensor_takes_nothing_that_each_item_has_of_its_own():
    total, w = rl.zeros(3), rl.ones(3, requires_grad=True)
    with pytest.raises(rl.TraceError, match="within vmap"):
        rl.vmap(lambda x: total.assign(x))(rl.ones(2, 3))
    with pytest.raises(rl.GradientError, match="each item has a gradient of its own"):
        rl.vmap(lambda x: (x * w).sum().backward())(rl.ones(2, 3))
    assert total.tolist() == [0.0, 0.0, 0.0] and w.grad is None


def test_a_tensor_kept_from_within_says_so_and_what_it_stands_for():
    kept = []
    rl.vmap(lambda x: kept.append(x * 2.0) or x)(rl.ones(2, 3))
    assert repr(kept[0]) == "tensor(one of several, float32 (3,))"
    with pytest.raises(rl.TraceError, match="used after it"):
        kept[0] + 1.0
    with pytest.raises(rl.TraceError, match="used after it"):
        kept[0].numpy()
