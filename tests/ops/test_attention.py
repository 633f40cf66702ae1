"""Attention against PyTorch, and where nothing is visible, numbers are not finite, or few."""

from typing import Any

import numpy as np
import pytest

import rushlight as rl
from rushlight.nn import functional as F
from rushlight.ops import attending
from rushlight.testing.compare import assert_close, assert_identical
from rushlight.testing.gradcheck import check_gradients

STATE = np.array([5, 6, 7, 8], np.uint32)


def numbers(*shapes: tuple[int, ...], seed: int = 0) -> list[np.ndarray]:
    random = np.random.default_rng(seed)
    return [random.standard_normal(shape).astype(np.float32) for shape in shapes]


def tensors(*shapes: tuple[int, ...], dtype: str = "float32") -> list[rl.Tensor]:
    return [rl.tensor(x, dtype=dtype).requires_grad_() for x in numbers(*shapes)]


def values_and_gradients(g: Any, operands: list[rl.Tensor], **options: Any) -> list[rl.Tensor]:
    y = F.attention(*operands, **options)
    return [y, *rl.gradients_of((y * rl.tensor(g)).sum(), operands)]


def alibi(slopes: Any, queries: int, keys: int, start: int) -> np.ndarray:
    distance = np.abs(start + np.arange(queries)[:, None] - np.arange(keys))
    return (-slopes[:, None, None] * distance).astype(np.float32)


SLOPES = np.array([0.5, 0.25, 0.125, 0.0625], np.float32)
BOOLS = np.random.default_rng(1).random((2, 1, 6, 9)) < 0.6
FLOATS = numbers((4, 6, 9), seed=2)[0]
REAL = np.arange(9) < np.array([9, 4])[:, None, None, None]
VISIBLE = np.arange(9) <= np.arange(6)[:, None]

# Our options, PyTorch's mask that means the same, and how many heads keys have.
OPTIONS: dict[str, tuple[dict[str, Any], Any, int]] = {
    "plain": ({}, None, 4),
    "scale": ({"scale": 0.3}, None, 4),
    "causal": ({"causal": True}, VISIBLE, 4),
    "start": ({"causal": True, "start": 3}, np.arange(9) <= 3 + np.arange(6)[:, None], 4),
    "bools": ({"mask": BOOLS}, BOOLS, 4),
    "floats": ({"mask": FLOATS}, FLOATS, 4),
    "lengths": ({"lengths": [9, 4]}, REAL, 4),
    "shared heads": ({}, None, 2),
    "one head for all": ({"causal": True}, VISIBLE, 1),
    "slopes": ({"slopes": SLOPES}, alibi(SLOPES, 6, 9, 0), 4),
    "all": (
        {"slopes": SLOPES, "start": 3, "causal": True, "mask": BOOLS, "lengths": [9, 4]},
        np.where(
            BOOLS & REAL & (np.arange(9) <= 3 + np.arange(6)[:, None]),
            alibi(SLOPES, 6, 9, 3),
            -np.inf,
        ).astype(np.float32),
        2,
    ),
}


@pytest.mark.parametrize("at_once", [1 << 20, 40], ids=["whole", "in blocks"])
@pytest.mark.parametrize("name", OPTIONS)
def test_values_and_gradients_are_those_of_pytorch(
    name: str, at_once: int, torch: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attending, "AT_ONCE", at_once)
    options, mask, groups = OPTIONS[name]
    shapes = (2, 4, 6, 5), (2, groups, 9, 5), (2, groups, 9, 3), (2, 4, 6, 3)
    *arrays, g = numbers(*shapes)
    given = {k: rl.tensor(x) if isinstance(x, list) else x for k, x in options.items()}
    got = values_and_gradients(g, [rl.tensor(x).requires_grad_() for x in arrays], **given)
    theirs = [torch.tensor(x, requires_grad=True) for x in arrays]
    y = torch.nn.functional.scaled_dot_product_attention(
        *theirs,
        None if mask is None else torch.tensor(mask),
        scale=options.get("scale"),
        enable_gqa=groups < 4,
    )
    wanted = [y, *torch.autograd.grad((y * torch.tensor(g)).sum(), theirs)]
    for one, other in zip(got, wanted, strict=True):
        assert_close(one.numpy(), np.nan_to_num(other.detach().numpy()), rtol=1e-5)


def test_dropped_weights_are_zeros_of_the_same_places_in_both_directions(torch: Any) -> None:
    q, k, v = tensors((2, 3, 6, 4), (2, 3, 7, 4), (2, 3, 7, 4))
    eye = rl.eye(7).broadcast_to(2, 3, 7, 7)
    dropped = F.attention(q, k, eye, dropout=0.4, state=STATE).numpy()
    kept = dropped != 0
    assert 0.4 < kept.mean() < 0.8
    weights = F.attention(q, k, eye).numpy()
    assert_close(dropped, np.where(kept, weights / np.float32(0.6), 0), rtol=1e-5)
    (g,) = numbers((2, 3, 6, 4), seed=3)
    got = values_and_gradients(g, [q, k, v], dropout=0.4, state=STATE)
    theirs = [torch.tensor(x.numpy(), requires_grad=True) for x in (q, k, v)]
    weights = (theirs[0] @ theirs[1].mT / 2).softmax(-1) * torch.tensor(kept) / 0.6
    y = weights @ theirs[2]
    wanted = [y, *torch.autograd.grad((y * torch.tensor(g)).sum(), theirs)]
    for one, other in zip(got, wanted, strict=True):
        assert_close(one.numpy(), other.detach().numpy(), rtol=1e-5)


def test_gradients_reach_a_float_mask_and_slopes_and_go_on_to_the_second_order() -> None:
    operands = tensors((2, 2, 3), (1, 4, 3), (1, 4, 2), (2, 2, 4), (2,), dtype="float64")

    def function(q: Any, k: Any, v: Any, mask: Any, slopes: Any) -> Any:
        options = {"causal": True, "start": 1, "dropout": 0.3, "state": STATE}
        return F.attention(q, k, v, mask, slopes=slopes, **options)

    check_gradients(function, *operands, order=2)


def test_a_query_that_sees_nothing_gives_zeros_and_takes_no_part_in_gradients() -> None:
    operands = tensors((1, 2, 3, 4), (1, 2, 5, 4), (1, 2, 5, 4))
    for options in (
        {"mask": np.zeros((3, 1), bool)},
        {"mask": np.full((3, 5), -np.inf, np.float32)},
        {"lengths": rl.tensor([0])},
        {"causal": True, "start": rl.tensor(-3)},
        {"causal": True, "start": rl.tensor(np.iinfo(np.int64).min)},
    ):
        for one in values_and_gradients(np.ones((1, 2, 3, 4), np.float32), operands, **options):
            assert_identical(one.numpy(), np.zeros(one.shape, np.float32))


def test_one_key_weighs_everything_and_no_key_nothing() -> None:
    q, k, v = tensors((2, 1, 4), (2, 1, 4), (2, 1, 3))
    assert_identical(F.attention(q, k, v).numpy(), v.numpy())
    assert F.attention(q, k[:, :0], v[:, :0]).tolist() == [[[0.0] * 3]] * 2
    assert F.attention(q[:, :0], k, v).shape == (2, 0, 3)


def test_keys_beyond_the_lengths_may_be_anything() -> None:
    q, k, v = numbers((2, 2, 4, 3), (2, 2, 6, 3), (2, 2, 6, 3))
    g = np.ones((2, 2, 4, 3), np.float32)
    found = []
    for rubbish in (0.0, np.nan, np.inf):
        k[1, :, 4:] = v[1, :, 4:] = rubbish
        operands = [rl.tensor(x).requires_grad_() for x in (q, k, v)]
        found.append(values_and_gradients(g, operands, lengths=rl.tensor([6, 4])))
    for others in found[1:]:
        for one, other in zip(others, found[0], strict=True):
            assert_identical(one, other)


def test_what_is_not_finite_stays_in_its_row() -> None:
    q, k, v = numbers((1, 3, 4), (1, 5, 4), (1, 5, 4))
    plain = F.attention(q, k, v).numpy()
    q[0, 1, 2] = np.nan
    got = F.attention(q, k, v).numpy()
    assert np.isnan(got[0, 1]).all()
    assert_close(got[0, [0, 2]], plain[0, [0, 2]])
    large = F.attention(np.full((1, 1, 1), 3e38, np.float32), [[[1.0], [0.5]]], [[[1.0], [2.0]]])
    assert large.tolist() == [[[1.0]]]


def test_start_and_lengths_may_differ_from_item_to_item() -> None:
    q, k, v = numbers((3, 2, 2, 4), (3, 2, 6, 4), (3, 2, 6, 4))
    start, lengths = [0, 3, 2], [6, 4, 5]
    got = F.attention(q, k, v, causal=True, start=rl.tensor(start), lengths=rl.tensor(lengths))
    for item in range(3):
        one = (x[item] for x in (q, k, v))
        wanted = F.attention(*one, causal=True, start=start[item], lengths=lengths[item])
        assert_close(got[item], wanted)


def test_leading_axes_and_dtypes_are_brought_together() -> None:
    q, k, v = numbers((3, 2, 4, 5), (2, 6, 5), (1, 2, 6, 5))
    wanted = F.attention(*[np.broadcast_to(x, (3, 2, *x.shape[-2:])) for x in (q, k, v)])
    assert_close(F.attention(q, k, v), wanted)
    mixed = F.attention(rl.tensor(q, dtype="float64"), k, v)
    assert mixed.dtype is rl.float64
    assert_close(mixed.numpy(), wanted.numpy().astype(np.float64), rtol=1e-5)
    assert F.attention([[[1, 2]]], [[[1, 2]]], [[[3, 4]]]).tolist() == [[[3.0, 4.0]]]


def test_the_alias_draws_new_bits_each_time_and_carries_them_through_a_trace() -> None:
    q, k, v = tensors((2, 8, 4), (2, 8, 4), (2, 8, 4))

    def dropped() -> rl.Tensor:
        return F.scaled_dot_product_attention(q, k, v, dropout=0.5, causal=True)

    rl.manual_seed(3)
    first, second = dropped().numpy(), dropped().numpy()
    assert not np.array_equal(first, second)
    rl.manual_seed(3)
    compiled = rl.compile(dropped, native=False)
    assert_identical(compiled().numpy(), first)
    assert_identical(compiled().numpy(), second)


def test_gradients_are_worked_out_once_for_all_three() -> None:
    operands = tensors((1, 3, 4), (1, 3, 4), (1, 3, 4))

    def gradients(*operands: rl.Tensor) -> list[rl.Tensor]:
        return rl.gradients_of(F.attention(*operands).sum(), operands)

    nodes = rl.trace(gradients, *operands).nodes
    assert [node.primitive.name for node in nodes].count("attention_grad") == 1


def test_a_batch_without_an_axis_of_heads_is_told_of_it() -> None:
    x = rl.zeros(2, 5, 4)
    with pytest.raises(rl.ShapeError, match="does not broadcast") as caught:
        F.attention(x, x, x, lengths=rl.tensor([5, 3]))
    assert "q.unsqueeze(-3) makes one head" in str(caught.value)
    with pytest.raises(rl.ShapeError) as caught:
        F.attention(x, x, x, mask=rl.ones(2, 5) > 0.0)
    assert "(..., heads, queries, keys), here (2, 5, 5)" in str(caught.value)
