"""Convolution and its derivatives, against the definition, against PyTorch and by small steps."""

import re
import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view

import rushlight as rl
from rushlight.core.bind import bind
from rushlight.ops.conv import conv2d
from rushlight.ops.convolution import conv2d_input_p, conv2d_p, conv2d_weight_p
from rushlight.testing.compare import assert_close
from rushlight.testing.gradcheck import check_gradients

# input, weight, stride, padding, dilation, groups
CONFIGS: list[tuple[Any, ...]] = [
    ((2, 3, 8, 8), (4, 3, 3, 3), 1, 0, 1, 1),
    ((2, 3, 8, 8), (4, 3, 3, 3), 1, 1, 1, 1),
    ((2, 3, 8, 8), (4, 3, 3, 3), 2, 0, 1, 1),
    ((2, 3, 8, 8), (4, 3, 3, 3), 2, 1, 1, 1),
    ((2, 3, 8, 8), (4, 3, 3, 3), 1, 0, 2, 1),
    ((2, 3, 8, 8), (4, 3, 3, 3), 2, 2, 2, 1),
    ((2, 3, 8, 8), (4, 3, 3, 3), 3, 4, 3, 1),
    ((1, 1, 28, 28), (2, 1, 5, 5), 1, 0, 1, 1),
    ((1, 1, 1, 1), (1, 1, 1, 1), 1, 0, 1, 1),
    ((1, 1, 1, 1), (1, 1, 1, 1), 1, 2, 1, 1),
    ((1, 1, 1, 1), (3, 1, 3, 3), 1, 1, 1, 1),
    ((1, 1, 1, 1), (3, 1, 3, 3), 5, 3, 1, 1),
    ((3, 2, 5, 7), (4, 2, 5, 7), 1, 0, 1, 1),  # the kernel is the image
    ((3, 2, 5, 7), (4, 2, 5, 7), 2, (2, 3), 1, 1),
    ((3, 2, 5, 7), (4, 2, 2, 3), 1, 0, 1, 1),
    ((3, 2, 5, 7), (4, 2, 1, 4), 1, 0, 1, 1),
    ((3, 2, 5, 7), (4, 2, 4, 1), (1, 2), (2, 0), 1, 1),
    ((3, 2, 5, 7), (4, 2, 2, 2), (3, 1), (0, 1), (1, 2), 1),
    ((3, 2, 5, 7), (4, 2, 2, 2), (1, 4), (1, 0), (3, 1), 1),
    ((2, 2, 9, 9), (2, 2, 2, 2), 4, 0, 1, 1),  # windows with gaps between them
    ((2, 2, 9, 9), (2, 2, 1, 1), 3, 0, 1, 1),
    ((2, 2, 9, 9), (2, 2, 3, 3), 7, 0, 1, 1),  # one window, and much that none sees
    ((2, 2, 9, 6), (2, 2, 3, 2), (3, 2), 0, 1, 1),
    ((2, 2, 9, 6), (2, 2, 3, 2), (100, 100), 0, 1, 1),
    ((2, 5, 6, 6), (7, 5, 1, 1), 1, 0, 1, 1),
    ((2, 5, 6, 6), (7, 5, 1, 1), 1, 1, 1, 1),
    ((2, 5, 6, 6), (7, 5, 1, 1), 2, 0, 1, 1),
    ((2, 5, 6, 6), (7, 5, 1, 1), 1, 0, 4, 1),
    ((2, 6, 6, 6), (9, 2, 1, 1), 1, 0, 1, 3),
    ((2, 4, 6, 6), (4, 1, 3, 3), 1, 1, 1, 4),  # a kernel for each channel
    ((2, 4, 6, 6), (4, 1, 3, 3), 2, 1, 1, 4),
    ((2, 4, 6, 6), (8, 1, 3, 3), 1, 0, 1, 4),
    ((2, 4, 6, 6), (12, 1, 2, 3), (2, 1), (1, 0), (1, 2), 4),
    ((2, 4, 6, 6), (4, 1, 1, 1), 1, 0, 1, 4),
    ((2, 4, 6, 6), (6, 2, 3, 3), 1, 1, 1, 2),
    ((2, 4, 6, 6), (2, 2, 3, 3), 1, 1, 2, 2),
    ((1, 6, 7, 5), (6, 2, 3, 3), (2, 3), (2, 1), (2, 1), 3),
    ((0, 3, 6, 6), (4, 3, 3, 3), 1, 1, 1, 1),
    ((0, 4, 6, 6), (4, 1, 3, 3), 2, 0, 1, 4),
    ((0, 3, 6, 6), (4, 3, 1, 1), 1, 0, 1, 1),
    ((7, 1, 4, 1), (2, 1, 3, 1), 1, 0, 1, 1),
    ((5, 1, 1, 9), (1, 1, 1, 3), (1, 2), (0, 1), (1, 3), 1),
    ((17, 3, 6, 5), (16, 3, 3, 3), 1, 1, 1, 1),
    ((1, 2, 4, 4), (3, 2, 3, 3), 1, 7, 1, 1),  # windows of padding alone
]
# These are worked through in several pieces: of whole rows, and of parts of a row.
LARGE: list[tuple[Any, ...]] = [
    ((4, 64, 40, 40), (3, 64, 5, 5), 1, 0, 1, 1),
    ((300, 16, 16, 16), (4, 16, 5, 5), 1, 2, 1, 1),
    ((300, 16, 16, 16), (4, 4, 5, 5), (1, 2), (2, 1), 1, 4),
]


def named(config: tuple[Any, ...]) -> str:
    return " ".join(map(str, config)).replace(", ", ",")


def params_of(config: tuple[Any, ...]) -> dict[str, Any]:
    return dict(zip(("stride", "padding", "dilation", "groups"), config[2:], strict=True))


def both(value: int | tuple[int, int]) -> tuple[int, int]:
    return value if isinstance(value, tuple) else (value, value)


def arrays_for(config: tuple[Any, ...], dtype: str = "float64") -> list[np.ndarray]:
    """Return random x, weight, bias and a gradient for the result."""
    random = np.random.default_rng(len(named(config)))
    x, weight, *_ = config
    shapes = [x, weight, weight[:1], by_definition(np.zeros(x), np.zeros(weight), config).shape]
    return [random.standard_normal(shape).astype(dtype) for shape in shapes]


def by_definition(x: np.ndarray, weight: np.ndarray, config: tuple[Any, ...]) -> np.ndarray:
    stride, padding, dilation, groups = map(both, config[2:])
    around = ((0, 0), (0, 0), *((p, p) for p in padding))
    reach = [d * (k - 1) + 1 for d, k in zip(dilation, weight.shape[2:], strict=True)]
    windows = sliding_window_view(np.pad(x, around), reach, (2, 3))
    windows = windows[:, :, :: stride[0], :: stride[1], :: dilation[0], :: dilation[1]]
    pieces = [
        np.einsum("nchwij,ocij->nohw", part, kernel)
        for part, kernel in zip(
            np.split(windows, groups[0], 1), np.split(weight, groups[0]), strict=True
        )
    ]
    return np.concatenate(pieces, 1)


def leaf(array: np.ndarray) -> rl.Tensor:
    return rl.tensor(array, requires_grad=True)


@pytest.fixture(scope="module")
def torch() -> Any:
    return pytest.importorskip("torch", reason="PyTorch is not here to compare with")


def torch_leaf(torch: Any, array: np.ndarray) -> Any:
    return torch.tensor(array, requires_grad=True)


@pytest.mark.parametrize("config", CONFIGS, ids=named)
def test_the_values_are_those_of_the_definition(config: tuple[Any, ...]) -> None:
    x, weight, bias, _ = arrays_for(config)
    got = conv2d(rl.tensor(x), rl.tensor(weight), rl.tensor(bias), **params_of(config))
    wanted = by_definition(x, weight, config) + bias.reshape(-1, 1, 1)
    assert_close(got, wanted, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("config", CONFIGS + LARGE, ids=named)
def test_values_and_gradients_are_those_of_pytorch(config: tuple[Any, ...], torch: Any) -> None:
    *operands, g = arrays_for(config)
    ours, theirs = [leaf(a) for a in operands], [torch_leaf(torch, a) for a in operands]
    got = conv2d(*ours, **params_of(config))
    wanted = torch.nn.functional.conv2d(*theirs, **params_of(config))
    assert_close(got, wanted.detach().numpy(), rtol=1e-11, atol=1e-11)
    gradients = torch.autograd.grad(wanted, theirs, torch.tensor(g))
    for one, other in zip(rl.gradients_of(got, ours, [rl.tensor(g)]), gradients, strict=True):
        assert_close(one, other.numpy(), rtol=1e-11, atol=1e-10)


@pytest.mark.parametrize("config", CONFIGS[:8] + LARGE, ids=named)
def test_float32_is_as_near_to_float64_as_in_pytorch(config: tuple[Any, ...], torch: Any) -> None:
    *operands, g = arrays_for(config, "float32")
    ours, theirs = [leaf(a) for a in operands], [torch_leaf(torch, a) for a in operands]
    got = conv2d(*ours, **params_of(config))
    wanted = torch.nn.functional.conv2d(*theirs, **params_of(config))
    assert_close(got, wanted.detach().numpy(), rtol=1e-5, atol=1e-4)
    gradients = torch.autograd.grad(wanted, theirs, torch.tensor(g))
    for one, other in zip(rl.gradients_of(got, ours, [rl.tensor(g)]), gradients, strict=True):
        assert_close(one, other.numpy(), rtol=1e-5, atol=1e-5 * float(other.abs().max()))


@pytest.mark.parametrize("config", [c for c in CONFIGS if 0 not in c[0]][::2], ids=named)
def test_second_derivatives_are_those_of_pytorch(config: tuple[Any, ...], torch: Any) -> None:
    x, weight, _, g = arrays_for(config)
    operands = [x, weight, g]
    ours, theirs = [leaf(a) for a in operands], [torch_leaf(torch, a) for a in operands]
    got = conv2d(*ours[:2], **params_of(config))
    first = rl.gradients_of(got, ours[:2], ours[2:], create_graph=True)
    wanted = torch.nn.functional.conv2d(*theirs[:2], **params_of(config))
    first_wanted = torch.autograd.grad(wanted, theirs[:2], theirs[2:], create_graph=True)
    second = rl.gradients_of(sum((one * one).sum() for one in first), ours)
    second_wanted = torch.autograd.grad(sum((one * one).sum() for one in first_wanted), theirs)
    for one, other in zip(second, second_wanted, strict=True):
        assert_close(one, other.numpy(), rtol=1e-10, atol=1e-9)


@pytest.mark.parametrize("config", CONFIGS[9::6], ids=named)
def test_derivatives_are_what_small_steps_show(config: tuple[Any, ...]) -> None:
    x, weight, bias, _ = arrays_for(config)
    operands = [leaf(x[:, :, :5, :5]), leaf(weight), leaf(bias)]
    check_gradients(lambda *inputs: conv2d(*inputs, **params_of(config)), *operands, order=2)


@pytest.mark.filterwarnings("ignore:Using padding='same'")
@pytest.mark.parametrize("kernel", [(1, 1), (3, 3), (2, 2), (4, 3), (5, 2)])
@pytest.mark.parametrize("dilation", [1, 2, (1, 3)])
def test_padding_same_keeps_the_size_as_in_pytorch(
    kernel: tuple[int, int], dilation: Any, torch: Any
) -> None:
    x, weight, _, g = arrays_for(((2, 3, 6, 7), (4, 3, *kernel), 1, 12, 1, 1))
    g = g[:, :, :6, :7].copy()
    ours, theirs = [leaf(x), leaf(weight)], [torch_leaf(torch, x), torch_leaf(torch, weight)]
    got = conv2d(*ours, padding="same", dilation=dilation)
    wanted = torch.nn.functional.conv2d(*theirs, padding="same", dilation=dilation)
    assert_close(got, wanted.detach().numpy(), rtol=1e-12, atol=1e-12)
    gradients = torch.autograd.grad(wanted, theirs, torch.tensor(g))
    for one, other in zip(rl.gradients_of(got, ours, [rl.tensor(g)]), gradients, strict=True):
        assert_close(one, other.numpy(), rtol=1e-11, atol=1e-11)


def test_padding_valid_is_none() -> None:
    x, weight = rl.randn(1, 2, 5, 5), rl.randn(3, 2, 3, 3)
    got = conv2d(x, weight, padding="valid", stride=2)
    np.testing.assert_array_equal(got.numpy(), conv2d(x, weight, stride=2).numpy())


LAYOUTS: dict[str, Callable[[np.ndarray], rl.Tensor]] = {
    "channels last": lambda a: rl.tensor(a.transpose(0, 2, 3, 1).copy()).permute(0, 3, 1, 2),
    "batch last": lambda a: rl.tensor(a.transpose(1, 2, 3, 0).copy()).permute(3, 0, 1, 2),
    "mirrored": lambda a: rl.tensor(a[..., ::-1].copy())[..., ::-1],
    "every other": lambda a: rl.tensor(a.repeat(2, 0))[::2],
    "one image repeated": lambda a: rl.tensor(a[:1]).broadcast_to(a.shape),
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("padding", [0, 1])
def test_how_operands_lie_in_memory_does_not_matter(layout: str, padding: int) -> None:
    config = ((4, 3, 6, 5), (4, 3, 3, 3), 1, padding, 1, 1)
    x, weight, _, g = arrays_for(config)
    arrange = LAYOUTS[layout]
    strange = [arrange(a).detach().requires_grad_() for a in (x, weight)]
    plain = [leaf(a.numpy().copy()) for a in strange]
    got = conv2d(*strange, padding=padding)
    wanted = conv2d(*plain, padding=padding)
    assert_close(got, wanted, rtol=1e-12, atol=1e-12)
    seed = arrange(g)
    found = rl.gradients_of(got, strange, [seed])
    for one, other in zip(found, rl.gradients_of(wanted, plain, [seed]), strict=True):
        assert_close(one, other, rtol=1e-12, atol=1e-12)


def test_the_result_flattens_in_the_order_of_its_axes() -> None:
    x, weight, _, _ = arrays_for(CONFIGS[0])
    got = conv2d(rl.tensor(x), rl.tensor(weight)).flatten(1)
    np.testing.assert_allclose(got.numpy(), by_definition(x, weight, CONFIGS[0]).reshape(2, -1))


def test_twice_the_same_work_gives_the_same_bits() -> None:
    x, weight, _, g = arrays_for(LARGE[0], "float32")
    operands = [leaf(x), leaf(weight)]
    runs = [rl.gradients_of(conv2d(*operands), operands, [rl.tensor(g)]) for _ in range(2)]
    for one, other in zip(*runs, strict=True):
        np.testing.assert_array_equal(one.numpy(), other.numpy())


def test_pixels_that_are_bytes_become_floats_beside_float_weights() -> None:
    pixels = np.arange(2 * 9, dtype=np.uint8).reshape(1, 2, 3, 3)
    got = conv2d(rl.tensor(pixels), rl.ones(1, 2, 3, 3))
    assert got.dtype is rl.float32
    np.testing.assert_array_equal(got.numpy(), [[[[153.0]]]])


def test_the_image_unfolded_25_times_is_never_in_memory_at_once() -> None:
    x, weight = rl.randn(256, 32, 12, 12), leaf(np.zeros((8, 32, 5, 5), np.float32))
    unfolded = 256 * 32 * 25 * 8 * 8 * 4
    tracemalloc.start()
    conv2d(x, weight).sum().backward()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < unfolded / 4


def test_a_traced_training_step_has_the_bits_of_the_eager_one() -> None:
    x, weight, bias, _ = (rl.tensor(a) for a in arrays_for(CONFIGS[6]))

    def step(*operands: rl.Tensor) -> Any:
        return rl.value_and_grad(lambda *o: (conv2d(*o, padding=2) ** 2).sum(), (0, 1, 2))(
            *operands
        )

    loss, gradients = step(x, weight, bias)
    traced_loss, traced_gradients = rl.compile(step, native=False)(x, weight, bias)
    for one, other in zip((loss, *gradients), (traced_loss, *traced_gradients), strict=True):
        np.testing.assert_array_equal(one.numpy(), other.numpy())


def t(*shape: int, dtype: str = "float32") -> rl.Tensor:
    return rl.zeros(*shape, dtype=dtype)


# x, weight, the other arguments, the fact, the hint.
MISTAKES: list[tuple[rl.Tensor, rl.Tensor, dict[str, Any], str, str | None]] = [
    (
        t(3, 32, 32),
        t(8, 3, 3, 3),
        {},
        "x has 3 axes, not the 4 (batch, channels, height, width)",
        "x.unsqueeze(0) is a batch of one: (1, 3, 32, 32)",
    ),
    (
        t(28, 28),
        t(8, 1, 3, 3),
        {},
        "x has 2 axes, not the 4 (batch, channels, height, width)",
        "x.reshape(1, 1, *x.shape) is one image of one channel",
    ),
    (t(784), t(8, 1, 3, 3), {}, "x has 1 axes, not the 4 (batch, channels, height, width)", None),
    (
        t(1, 3, 8, 8),
        t(8, 27),
        {},
        "the weight has 2 axes, not the 4 (out, channels / groups, height, width)",
        None,
    ),
    (t(1, 5, 8, 8), t(8, 3, 3, 3), {}, "x has 5 channels, the weight takes 3", None),
    (
        t(1, 6, 8, 8),
        t(8, 3, 3, 3),
        {},
        "x has 6 channels, the weight takes 3",
        "groups=2 is valid and gives (1, 8, 6, 6)",
    ),
    (
        t(4, 28, 28, 1),
        t(32, 1, 5, 5),
        {},
        "x has 28 channels, the weight takes 1",
        "x.permute(0, 3, 1, 2) is valid and gives (4, 32, 24, 24)",
    ),
    (
        t(4, 8, 9, 9),
        t(8, 3, 3, 3),
        {"stride": 2},
        "x has 8 channels, the weight takes 3",
        "weight.transpose(0, 1) is valid and gives (4, 3, 4, 4)",
    ),
    (
        t(1, 4, 8, 8),
        t(4, 4, 3, 3),
        {"groups": 2},
        "x has 4 channels, the weight takes 8 (4 in each of 2 groups)",
        "groups=1 is valid and gives (1, 4, 6, 6)",
    ),
    (
        t(1, 6, 8, 8),
        t(4, 2, 3, 3),
        {"groups": 3},
        "4 output channels do not split into 3 groups",
        "groups can be 1 or 2",
    ),
    (t(1, 4, 8, 8), t(4, 4, 3, 3), {"groups": 0}, "there is at least 1 group, not 0", None),
    (t(1, 4, 8, 8), t(4, 4, 3, 3), {"groups": 1.0}, "groups is an int, not 1.0", None),
    (
        t(1, 1, 4, 6),
        t(1, 1, 5, 5),
        {},
        "a window of 5 does not fit the height of 4 with padding 0",
        "padding=(1, 0) is the least that fits",
    ),
    (
        t(1, 1, 9, 6),
        t(1, 1, 3, 3),
        {"dilation": 4, "padding": (2, 1)},
        "a window of 9 does not fit the width of 6 with padding 1",
        "padding=(2, 2) is the least that fits",
    ),
    (
        t(1, 1, 4, 4),
        t(1, 1, 3, 3),
        {"stride": 0},
        "kernel 3, stride 0 and dilation 1 must be at least 1, padding 0 at least 0",
        None,
    ),
    (
        t(1, 1, 4, 4),
        t(1, 1, 3, 3),
        {"padding": -1},
        "kernel 3, stride 1 and dilation 1 must be at least 1, padding -1 at least 0",
        None,
    ),
    (
        t(1, 1, 4, 4),
        t(1, 1, 0, 3),
        {},
        "kernel 0, stride 1 and dilation 1 must be at least 1, padding 0 at least 0",
        None,
    ),
    (
        t(1, 1, 4, 4),
        t(1, 1, 3, 3),
        {"stride": (1, 2, 3)},
        "stride takes one int or two, not (1, 2, 3)",
        None,
    ),
    (t(1, 1, 4, 4), t(1, 1, 3, 3), {"dilation": 1.5}, "a shape is made of ints, not 1.5", None),
    (
        t(1, 1, 4, 4),
        t(1, 1, 3, 3),
        {"padding": "sane"},
        "padding is ints, 'same' or 'valid', not 'sane'",
        "did you mean same?",
    ),
    (
        t(1, 1, 4, 4),
        t(1, 1, 3, 3),
        {"padding": "same", "stride": 2},
        "padding='same' goes with stride 1, not (2, 2)",
        "padding=(1, 1) pads by half a window",
    ),
    (
        t(1, 4, 4),
        t(1, 1, 3, 3),
        {"padding": "same"},
        "x has 3 axes, not the 4 (batch, channels, height, width)",
        "x.unsqueeze(0) is a batch of one: (1, 1, 4, 4)",
    ),
    (
        t(1, 1, 4, 4, dtype="int64"),
        t(1, 1, 3, 3, dtype="int64"),
        {},
        "does not take int64",
        "cast to float32 first",
    ),
    (
        t(1, 1, 4, 4, dtype="bfloat16"),
        t(1, 1, 3, 3, dtype="bfloat16"),
        {},
        "does not take bfloat16",
        "cast to float32 first",
    ),
    (
        t(1, 1, 4, 4, dtype="float16"),
        t(1, 1, 3, 3),
        {},
        "float16 can only be cast, moved and saved",
        "cast to float32 first",
    ),
    (t(1, 1, 4, 4), t(2, 1, 3, 3), {"bias": t(3)}, "the bias has shape (3,), not (2,)", None),
    (t(1, 1, 4, 4), t(2, 1, 3, 3), {"bias": t(2, 1)}, "the bias has shape (2, 1), not (2,)", None),
]


def message(call: Callable[..., Any], *operands: rl.Tensor) -> str:
    with pytest.raises(rl.RushlightError) as caught:
        call(*operands)
    return str(caught.value)


@pytest.mark.parametrize("row", MISTAKES, ids=lambda row: row[3])
def test_a_mistake_is_explained_by_fact_operands_place_and_hint(row: tuple[Any, ...]) -> None:
    x, weight, others, fact, hint = row
    operands = {"x": x, "weight": weight}
    operands |= {name: value for name, value in others.items() if isinstance(value, rl.Tensor)}
    text = message(lambda x, weight: conv2d(x, weight, **others), x, weight)
    lines = [f"conv2d: {fact}"]
    width = max(map(len, operands))
    lines += [f"  {name:<{width}}  {value.spec}" for name, value in operands.items()]
    lines += ["  at test_conv.py:LINE"] + ([f"  hint: {hint}"] if hint else [])
    assert re.sub(r"(?<=test_conv.py:)\d+", "LINE", text) == "\n".join(lines)


@pytest.mark.parametrize("row", MISTAKES, ids=lambda row: row[3])
def test_a_mistake_is_explained_in_the_same_words_when_traced(row: tuple[Any, ...]) -> None:
    x, weight, others, *_ = row
    bias = others.get("bias")
    others = {name: value for name, value in others.items() if name != "bias"}

    def call(*operands: rl.Tensor) -> Any:
        return conv2d(*operands, **others)

    operands = [x, weight] if bias is None else [x, weight, bias]
    assert message(rl.compile(call), *operands) == message(call, *operands)


ONES = {"stride": (1, 1), "padding": (0, 0), "dilation": (1, 1), "groups": 1}


@pytest.mark.parametrize(
    ("primitive", "operands", "params", "fact"),
    [
        (conv2d_input_p, [t(1, 2, 2), t(2, 1, 3, 3)], {"size": (4, 4)}, "gradient has 3 axes"),
        (
            conv2d_input_p,
            [t(1, 2, 3, 2), t(2, 1, 3, 3)],
            {"size": (4, 4)},
            "the gradient of an image has shape (2, 3, 2), not (2, 2, 2)",
        ),
        (
            conv2d_input_p,
            [t(1, 4, 1, 1), t(4, 1, 3, 3)],
            {"size": (2, 4)},
            "a window of 3 does not fit the height of 2",
        ),
        (
            conv2d_weight_p,
            [t(1, 1, 4, 4), t(1, 2, 2, 3)],
            {"kernel": (3, 3)},
            "the gradient of an image has shape (2, 2, 3), not (2, 2, 2)",
        ),
        (
            conv2d_weight_p,
            [t(2, 1, 4, 4), t(1, 2, 2, 2)],
            {"kernel": (3, 3)},
            "x is a batch of 2, the gradient one of 1",
        ),
        (
            conv2d_weight_p,
            [t(1, 3, 4, 4), t(1, 2, 2, 2)],
            {"kernel": (3, 3), "groups": 2},
            "3 channels do not split into 2 groups",
        ),
        (conv2d_p, [t(1, 1, 4, 4), t(1, 1, 3, 3, dtype="float64")], {}, "dtypes differ: float32"),
    ],
)
def test_the_primitives_refuse_what_does_not_fit(
    primitive: Any, operands: list[rl.Tensor], params: dict[str, Any], fact: str
) -> None:
    def call(*inputs: rl.Tensor) -> Any:
        return bind(primitive, *inputs, **(ONES | params))

    text = message(call, *operands)
    assert text.startswith(f"{primitive.name}: {fact}")
    assert message(rl.compile(call), *operands) == text
