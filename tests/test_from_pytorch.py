"""Those who come from PyTorch are told what a thing is called here."""

import numpy as np
import pytest

import rushlight as rl


@pytest.mark.parametrize(
    ("use", "words"),
    [
        (lambda: rl.ones(2).cuda(), "there is only the CPU"),
        (lambda: rl.ones(2).add_(1.0), "tensors are not changed in place"),
        (lambda: rl.ones(2).clamp(0.0), r"x\.clip\(low, high\)"),
        (lambda: rl.optim.ReduceLROnPlateau, r"PlateauLR\(optimizer\)"),
        (lambda: rl.cat([rl.ones(2)]), r"rl\.concat\(tensors, axis\)"),
        (lambda: rl.ones(2).arcsin(), r"x\.asin\(\)"),
        (lambda: rl.special.erf(rl.ones(2)), r"rl\.erf\(x\)"),
    ],
)
def test_a_name_of_pytorch_s_gets_ours(use, words):
    with pytest.raises(AttributeError, match=words):
        use()


@pytest.mark.parametrize(
    "use", [lambda: rl.ones(2).sum(dim=0), lambda: rl.ones(2).mean(0, keepdim=True)]
)
def test_dim_is_called_axis(use):
    with pytest.raises(rl.UsageError, match="write axis= for dim=") as caught:
        use()
    assert "float32 (2,)" in str(caught.value)


def test_a_loss_prints_with_digits():
    assert f"{rl.tensor(0.123456):.4f}" == "0.1235"
    assert f"{rl.ones(2)}" == "tensor([1., 1.])"


def test_dtypes_are_equal_to_their_names():
    dtype = rl.ones(2).dtype
    assert (dtype == "float32", dtype == np.float32, dtype == "float64") == (True, True, False)
    assert dtype in {"float32"}
    assert dtype != "no dtype"


def test_a_tensor_is_not_equal_to_none_or_a_word():
    x = rl.ones(2)
    assert (x == None, x != None, x == "a") == (False, True, False)  # noqa: E711


@pytest.mark.parametrize(
    ("use", "hint"),
    [
        (
            lambda: rl.nn.functional.cross_entropy(rl.ones(3, 2), rl.zeros(3, 1, dtype="int64")),
            r"labels\.squeeze",
        ),
        (lambda: rl.nn.functional.mse_loss(rl.ones(3, 1), rl.ones(3)), r"prediction\.squeeze"),
        (lambda: rl.nn.functional.mse_loss(rl.ones(3), rl.ones(3, 1)), r"target\.squeeze"),
    ],
)
def test_a_column_where_a_row_belongs_gets_a_hint(use, hint):
    with pytest.raises(rl.ShapeError, match=hint):
        use()
