"""Convolutions of signals and volumes, and transposed ones of all kinds, against PyTorch."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import rushlight as rl
from rushlight.core.bind import bind
from rushlight.core.primitive import PRIMITIVES
from rushlight.testing.compare import assert_close
from rushlight.testing.gradcheck import check_gradients

F = rl.nn.functional

# x, weight, options
CONVOLUTIONS: list[tuple[tuple[int, ...], tuple[int, ...], dict[str, Any]]] = [
    ((2, 3, 9), (4, 3, 3), {}),
    ((2, 3, 9), (4, 3, 3), {"stride": 2, "padding": 1}),
    ((2, 3, 9), (4, 3, 3), {"dilation": 4, "padding": 2}),
    ((2, 3, 9), (4, 3, 1), {}),
    ((2, 3, 9), (4, 3, 9), {"stride": 5}),
    ((2, 4, 9), (6, 2, 2), {"groups": 2, "stride": 3, "padding": 4, "dilation": 2}),
    ((2, 4, 9), (8, 1, 3), {"groups": 4}),
    ((0, 3, 9), (4, 3, 3), {"padding": 1}),
    ((1, 1, 1), (1, 1, 1), {"padding": 2}),
    ((2, 3, 9), (4, 3, 4), {"padding": "same", "dilation": 3}),
    ((2, 2, 4, 5, 3), (3, 2, 2, 3, 1), {}),
    ((2, 2, 4, 5, 3), (3, 2, 2, 2, 2), {"stride": (1, 2, 3), "padding": (0, 1, 1)}),
    ((2, 4, 4, 5, 3), (6, 2, 2, 2, 2), {"groups": 2, "dilation": (2, 1, 1)}),
    ((2, 4, 4, 5, 3), (4, 1, 3, 3, 3), {"groups": 4, "padding": 1}),
    ((2, 2, 4, 5, 3), (3, 2, 1, 1, 1), {}),
    ((0, 2, 4, 5, 3), (3, 2, 2, 2, 2), {}),
    ((2, 2, 4, 5, 3), (3, 2, 3, 2, 1), {"padding": "same"}),
    # These are worked through in several pieces: of whole planes or rows, or of parts of one.
    ((40, 32, 300), (3, 32, 5), {"padding": 3}),
    ((20, 16, 9, 10, 11), (2, 16, 3, 3, 3), {"padding": (1, 0, 1), "stride": (1, 1, 2)}),
]
TRANSPOSED: list[tuple[tuple[int, ...], tuple[int, ...], dict[str, Any]]] = [
    ((2, 3, 5), (3, 4, 3), {}),
    ((2, 3, 5), (3, 4, 3), {"stride": 2, "padding": 1, "output_padding": 1}),
    ((2, 3, 5), (3, 4, 2), {"stride": 4, "output_padding": 3}),
    ((2, 3, 5), (3, 4, 3), {"dilation": 3, "output_padding": 2}),  # more than the stride
    ((2, 3, 5), (3, 4, 3), {"dilation": 5, "stride": 2, "output_padding": 4, "padding": 2}),
    ((2, 4, 5), (4, 3, 3), {"groups": 2, "padding": 3}),
    ((2, 3, 1), (3, 1, 1), {"stride": 3}),
    ((0, 3, 5), (3, 4, 3), {"stride": 2}),
    ((2, 3, 4, 5), (3, 2, 3, 2), {}),
    ((2, 3, 4, 5), (3, 2, 3, 2), {"stride": (2, 3), "padding": (1, 0), "output_padding": (0, 2)}),
    ((2, 6, 4, 5), (6, 2, 2, 2), {"groups": 3, "stride": 2, "dilation": (1, 2)}),
    ((2, 4, 4, 5), (4, 1, 3, 3), {"groups": 4, "padding": 1}),
    ((0, 3, 4, 5), (3, 2, 2, 2), {}),
    ((2, 2, 2, 3, 3), (2, 3, 2, 2, 2), {"stride": 2}),
    ((1, 4, 2, 3, 2), (4, 1, 2, 1, 3), {"groups": 2, "padding": (1, 0, 1), "stride": (1, 2, 1)}),
]
CASES = [("conv", *row) for row in CONVOLUTIONS] + [("conv_transpose", *row) for row in TRANSPOSED]


def named(case: Any) -> str:
    return " ".join(map(str, case)).replace(", ", ",")


def function_of(kind: str, x: tuple[int, ...]) -> str:
    return f"{kind}{len(x) - 2}d"


def call_of(case: Any) -> Callable[..., Any]:
    """Return our function of x, weight and bias."""
    kind, x, _, options = case
    return lambda *operands: getattr(F, function_of(kind, x))(*operands, **options)


def arrays_for(case: Any) -> list[np.ndarray]:
    """Return random x, weight and bias."""
    kind, x, weight, options = case
    outs = weight[0] if kind == "conv" else weight[1] * options.get("groups", 1)
    random = np.random.default_rng(len(named(case)))
    return [random.standard_normal(shape) for shape in (x, weight, (outs,))]


@pytest.fixture(scope="module")
def torch() -> Any:
    return pytest.importorskip("torch", reason="PyTorch is not here to compare with")


@pytest.mark.filterwarnings("ignore:Using padding='same'")
@pytest.mark.parametrize("case", CASES, ids=named)
def test_values_and_gradients_are_those_of_pytorch(case: Any, torch: Any) -> None:
    kind, shape, _, options = case
    arrays = arrays_for(case)
    ours = [rl.tensor(a, requires_grad=True) for a in arrays]
    theirs = [torch.tensor(a, requires_grad=True) for a in arrays]
    got = call_of(case)(*ours)
    wanted = getattr(torch.nn.functional, function_of(kind, shape))(*theirs, **options)
    assert_close(got, wanted.detach().numpy(), rtol=1e-11, atol=1e-11)
    g = np.random.default_rng(1).standard_normal(got.shape)
    gradients = torch.autograd.grad(wanted, theirs, torch.tensor(g))
    for one, other in zip(rl.gradients_of(got, ours, [rl.tensor(g)]), gradients, strict=True):
        assert_close(one, other.numpy(), rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("case", [CASES[i] for i in (1, 5, 11, 20, 23, 29, 33)], ids=named)
def test_derivatives_are_what_small_steps_show(case: Any) -> None:
    operands = [rl.tensor(a, requires_grad=True) for a in arrays_for(case)]
    check_gradients(call_of(case), *operands, order=2)


@pytest.mark.parametrize("case", [CASES[i] for i in (2, 5, 9, 12, 20, 23, 28, 33)], ids=named)
def test_c_gives_values_and_gradients_of_numpy(case: Any) -> None:
    operands = [rl.tensor(a.astype(np.float32)) for a in arrays_for(case)]

    def step(*operands: rl.Tensor) -> Any:
        return rl.value_and_grad(lambda *o: (call_of(case)(*o) ** 2).sum(), (0, 1, 2))(*operands)

    loss, gradients = step(*operands)
    in_c, gradients_in_c = rl.compile(step)(*operands)
    for one, other in zip((in_c, *gradients_in_c), (loss, *gradients), strict=True):
        assert_close(one, other, rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("case", [CASES[1], CASES[11], CASES[20]], ids=named)
def test_how_operands_lie_in_memory_does_not_matter(case: Any) -> None:
    arrays = arrays_for(case)
    wanted = call_of(case)(*map(rl.tensor, arrays))
    last = [rl.tensor(np.moveaxis(a, 1, -1).copy()) for a in arrays[:2]]
    order = [0, len(case[1]) - 1, *range(1, len(case[1]) - 1)]
    got = call_of(case)(*[x.permute(order) for x in last], rl.tensor(arrays[2]))
    assert_close(got, wanted, rtol=1e-12, atol=1e-12)


def test_a_transposed_convolution_leads_back_to_the_sizes_of_every_convolution() -> None:
    for size in range(5, 12):
        y = F.conv1d(rl.ones(1, 1, size), rl.ones(1, 1, 3), stride=3, padding=1)
        more = (size - 1) % 3
        back = F.conv_transpose1d(y, rl.ones(1, 1, 3), None, 3, 1, more)
        assert back.shape == (1, 1, size)


def t(*shape: int, dtype: str = "float32") -> rl.Tensor:
    return rl.zeros(*shape, dtype=dtype)


# function, x, weight, options, the fact, the hint
MISTAKES: list[tuple[str, rl.Tensor, rl.Tensor, dict[str, Any], str, str | None]] = [
    (
        "conv1d",
        t(3, 9),
        t(4, 3, 3),
        {},
        "x has 2 axes, not the 3 (batch, channels, length)",
        "x.unsqueeze(0) is a batch of one: (1, 3, 9)",
    ),
    (
        "conv1d",
        t(9),
        t(4, 1, 3),
        {},
        "x has 1 axes, not the 3 (batch, channels, length)",
        "x.reshape(1, 1, *x.shape) is one signal of one channel",
    ),
    (
        "conv1d",
        t(2, 9, 3),
        t(4, 3, 3),
        {},
        "x has 9 channels, the weight takes 3",
        "x.permute(0, 2, 1) is valid and gives (2, 4, 7)",
    ),
    (
        "conv1d",
        t(2, 3, 9),
        t(4, 3, 3, 3),
        {},
        "the weight has 4 axes, not the 3 (out, channels / groups, length)",
        None,
    ),
    (
        "conv1d",
        t(2, 3, 4),
        t(4, 3, 9),
        {},
        "a window of 9 does not fit the length of 4 with padding 0",
        "padding=3 is the least that fits",
    ),
    (
        "conv1d",
        t(2, 3, 4),
        t(4, 3, 1),
        {"stride": (1, 1)},
        "stride takes one int, not (1, 1)",
        None,
    ),
    (
        "conv3d",
        t(2, 3, 4, 4),
        t(4, 3, 2, 2, 2),
        {},
        "x has 4 axes, not the 5 (batch, channels, depth, height, width)",
        "x.unsqueeze(0) is a batch of one: (1, 2, 3, 4, 4)",
    ),
    (
        "conv3d",
        t(2, 4, 5, 6, 3),
        t(4, 3, 2, 2, 2),
        {},
        "x has 4 channels, the weight takes 3",
        "x.permute(0, 4, 1, 2, 3) is valid and gives (2, 4, 3, 4, 5)",
    ),
    (
        "conv3d",
        t(2, 3, 1, 4, 4),
        t(4, 3, 2, 2, 2),
        {},
        "a window of 2 does not fit the depth of 1 with padding 0",
        "padding=(1, 0, 0) is the least that fits",
    ),
    (
        "conv3d",
        t(2, 3, 4, 4, 4),
        t(4, 3, 2, 2, 2),
        {"padding": (1, 1)},
        "padding takes one int or three, not (1, 1)",
        None,
    ),
    (
        "conv_transpose1d",
        t(3, 9),
        t(3, 4, 3),
        {},
        "x has 2 axes, not the 3 (batch, channels, length)",
        "x.unsqueeze(0) is a batch of one: (1, 3, 9)",
    ),
    (
        "conv_transpose2d",
        t(1, 3, 4, 4),
        t(3, 4, 3),
        {},
        "the weight has 3 axes, not the 4 (channels, out / groups, height, width)",
        None,
    ),
    (
        "conv_transpose2d",
        t(1, 5, 4, 4),
        t(3, 4, 2, 2),
        {},
        "x has 5 channels, the weight takes 3",
        None,
    ),
    (
        "conv_transpose2d",
        t(1, 4, 4, 4),
        t(3, 4, 2, 2),
        {},
        "x has 4 channels, the weight takes 3",
        "weight.transpose(0, 1) takes 4",
    ),
    (
        "conv_transpose2d",
        t(1, 8, 9, 3),
        t(3, 4, 2, 2),
        {},
        "x has 8 channels, the weight takes 3",
        "x.permute(0, 3, 1, 2) has 3",
    ),
    (
        "conv_transpose2d",
        t(1, 3, 4, 4),
        t(3, 4, 2, 2),
        {"groups": 2},
        "3 channels do not split into 2 groups",
        "groups can be 1",
    ),
    (
        "conv_transpose2d",
        t(1, 3, 4, 4),
        t(3, 4, 2, 2),
        {"groups": 0},
        "there is at least 1 group, not 0",
        None,
    ),
    (
        "conv_transpose2d",
        t(1, 3, 4, 4),
        t(3, 4, 2, 2),
        {"stride": (3, 2), "output_padding": (2, 2)},
        "output_padding 2 along the width is not from 0 to 1",
        "it is less than stride or dilation",
    ),
    (
        "conv_transpose1d",
        t(1, 3, 4),
        t(3, 4, 2),
        {"output_padding": -1},
        "output_padding -1 along the length is not from 0 to 0",
        "it is less than stride or dilation",
    ),
    (
        "conv_transpose2d",
        t(1, 3, 2, 9),
        t(3, 4, 2, 2),
        {"padding": 2},
        "padding 2 cuts off all of a height of 3",
        "padding=1 is the most that leaves some",
    ),
    (
        "conv_transpose2d",
        t(1, 3, 0, 9),
        t(3, 4, 2, 2),
        {},
        "there is nothing to add kernels for: the height is 0",
        None,
    ),
    (
        "conv_transpose1d",
        t(1, 3, 4),
        t(3, 4, 2),
        {"stride": 0},
        "kernel 2, stride 0 and dilation 1 must be at least 1, padding 0 at least 0",
        None,
    ),
    (
        "conv_transpose1d",
        t(1, 3, 4),
        t(3, 4, 2),
        {"bias": t(3)},
        "the bias has shape (3,), not (4,)",
        None,
    ),
    (
        "conv_transpose1d",
        t(1, 3, 4),
        t(3, 4, 2),
        {"padding": "same"},
        "a shape is made of ints, not 'same'",
        None,
    ),
    (
        "conv_transpose3d",
        t(1, 3, 4, 4, 4, dtype="int64"),
        t(3, 4, 2, 2, 2, dtype="int64"),
        {},
        "does not take int64",
        "cast to float32 first",
    ),
]


@pytest.mark.parametrize("row", MISTAKES, ids=lambda row: f"{row[0]} {row[4]}")
def test_a_mistake_is_explained_by_fact_operands_place_and_hint(row: tuple[Any, ...]) -> None:
    name, x, weight, options, fact, hint = row
    function = getattr(F, name)
    messages = []
    for call in (function, rl.compile(lambda x, weight: function(x, weight, **options))):
        given = options if call is function else {}
        with pytest.raises(rl.RushlightError) as caught:
            call(x, weight, **given)
        messages.append(str(caught.value).splitlines())
        assert caught.value.hint == hint
    lines = messages[0]
    assert lines[0] == messages[1][0] == f"{name}: {fact}"
    assert [line.split()[0] for line in lines[1:3]] == ["x", "weight"]
    assert any(line.startswith("  at test_conv_ranks.py:") for line in lines)


@pytest.mark.parametrize(
    ("name", "operands", "params", "fact"),
    [
        ("conv1d_input", [t(1, 2, 3), t(2, 1, 3)], {"size": (4,)}, "the gradient of a signal has"),
        (
            "conv3d_weight",
            [t(1, 1, 4, 4, 4), t(1, 2, 2, 2, 3)],
            {"kernel": (3, 3, 3)},
            "the gradient of a volume has shape (2, 2, 2, 3), not (2, 2, 2, 2)",
        ),
        ("conv3d", [t(1, 1, 4, 4), t(1, 1, 2, 2)], {}, "x has 4 axes, not the 5"),
    ],
)
def test_the_primitives_refuse_what_does_not_fit(
    name: str, operands: list[rl.Tensor], params: dict[str, Any], fact: str
) -> None:
    rank = int(name[4])
    ones = {"stride": (1,) * rank, "padding": (0,) * rank, "dilation": (1,) * rank, "groups": 1}
    with pytest.raises(rl.ShapeError) as caught:
        bind(PRIMITIVES[name], *operands, **ones, **params)
    assert str(caught.value).startswith(f"{name}: {fact}")
