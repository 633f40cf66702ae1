"""Those who come from PyTorch are told what a thing is called here."""

import builtins
import operator
import re
from pathlib import Path

import numpy as np
import pytest

import rushlight as rl
from rushlight.core import advice


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
        (lambda: rl.argmax(rl.ones(2)), r"write x\.argmax\(\.\.\.\)"),
        (lambda: rl.device, "; leave it out: there is only the CPU"),
        (lambda: rl.manual_sed, r"did you mean manual_seed\?"),
        (lambda: rl.nn.Fold(2, 3), "it is not here yet: docs/from-pytorch.md"),
        (lambda: rl.nn.Linear(2, 3).cuda(), "there is only the CPU"),
        (lambda: rl.nn.Linear(2, 3).fit, r"rl\.fit\(model, data"),
        (lambda: rl.nn.init.zeros_, r"w\.assign\(rl\.nn\.init\.zeros\(w\.shape\)\)"),
        (lambda: rl.nn.functional.pad, r"x\.pad\("),
        (lambda: rl.optim.SGD([rl.ones(1)], lr=0.1).param_groups, r"write optimizer\.groups"),
        (lambda: rl.optim.Addam, r"did you mean Adam\?"),
        (lambda: rl.autograd.grad, r"rl\.gradients_of\(y, \[x\]\)"),
        (lambda: rl.train.EarlyStopping, "patience=5"),
        (lambda: rl.metrics.f1_score, r"write f1\("),
        (lambda: rl.data.random_split, r"write split\("),
        (lambda: rl.data.augment.Normalize, r"write Normalise\("),
    ],
)
def test_a_name_of_pytorch_s_gets_ours(use, words):
    with pytest.raises(AttributeError, match=words):
        use()


OWNERS = {
    "TENSOR": rl.ones(1, 1),
    "PACKAGE": rl,
    "OPTIM": rl.optim,
    "OPTIMIZER": rl.optim.SGD([rl.ones(1)], lr=0.1),
    "AUTOGRAD": rl.autograd,
    "NN": rl.nn,
    "FUNCTIONAL": rl.nn.functional,
    "INIT": rl.nn.init,
    "MODULE": rl.nn.Identity(),
    "TRAIN": rl.train,
    "METRICS": rl.metrics,
    "DATA": rl.data,
    "AUGMENT": rl.data.augment,
}


@pytest.mark.parametrize("table", OWNERS)
def test_advice_is_of_names_that_are_missing_and_names_those_that_are_there(table):
    owner, names = OWNERS[table], getattr(advice, table)
    for name, text in names.items():
        assert not hasattr(owner, name), f"{name} is there"
        for path in re.findall(r"\brl((?:\.\w+)+)", text):
            assert operator.attrgetter(path[1:])(rl) is not None, text
        for attribute in re.findall(r"\bx\.(\w+)", text):
            assert hasattr(rl.Tensor, attribute), text
        for called in re.findall(r"^write (\w+)\(", text):
            assert hasattr(owner, called) or called in dir(builtins), text


def test_what_the_page_calls_ours_is_there():
    page = (Path(rl.__file__).parent.parent / "docs" / "from-pytorch.md").read_text("utf-8")
    right = [line.split("|")[2] for line in page.splitlines() if line.startswith("| ")]
    paths = {path for cell in right for path in re.findall(r"\brl((?:\.\w+)+)", cell)}
    assert len(paths) > 10
    for path in paths:
        assert operator.attrgetter(path[1:])(rl) is not None


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


SGD = rl.optim.SGD([rl.ones(1)], lr=0.1)


@pytest.mark.parametrize(
    ("use", "message"),
    [
        (
            lambda: rl.optim.StepLR(SGD, step_size=3),
            "StepLR: missing a required argument: 'size'\n  hint: StepLR(optimizer, size",
        ),
        (
            lambda: rl.optim.Adam([rl.ones(1)], learning_rate=0.1),
            "Adam: got an unexpected keyword argument 'learning_rate'\n  hint: Adam(param",
        ),
        (
            lambda: rl.optim.LBFGS([rl.ones(1)], line_search_fn="strong_wolfe"),
            "LBFGS: got an unexpected keyword argument 'line_search_fn'\n  hint: LBFGS(parameters,",
        ),
    ],
)
def test_options_of_pytorch_s_optimisers_are_answered_with_ours(use, message):
    with pytest.raises(rl.UsageError) as caught:
        use()
    assert str(caught.value).startswith(message)
