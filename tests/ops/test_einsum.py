"""Einstein sums against NumPy's, and their gradients against PyTorch's."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import rushlight as rl
from rushlight.testing.compare import assert_close

SIZES = {"a": 2, "b": 3, "c": 4, "d": 5, "i": 3, "j": 3, "k": 4, "n": 2}

EQUATIONS = [
    "i->i",
    "i->",
    "ij->ji",
    "ij",
    "ji",
    "ij->j",
    "ii",
    "ii->i",
    "iij->j",
    "iji->ij",
    "i,i->",
    "i,j->ij",
    "i,j->ji",
    "ij,jk",
    "ij,jk->ik",
    "ij,jk->ki",
    "ab,cb->ac",
    "bij,bjk->bik",
    "bij,bjk->ikb",
    "abcd,abed->abce",
    "abc,abd->cd",
    "ab,ab->ab",
    "ab,ab->",
    "ab,b->ab",
    "ab,cd->",
    "ab,cd->acbd",
    "ii,i->i",
    "ii,jj->ij",
    "ab,bc,cd->ad",
    "a,b,c->abc",
    "ab,bc,ca->",
    "ab,b,b->a",
    "a,,b->ab",
    "nac,ncb->nab",
    " a b , b c -> a c ",
]


def operand(text: str, seed: int) -> Any:
    shape = [SIZES.get(letter, 2) for letter in text.replace(" ", "")]
    return np.random.default_rng(seed).standard_normal(shape)


def operands(equation: str) -> list[Any]:
    return [operand(text, i) for i, text in enumerate(equation.partition("->")[0].split(","))]


@pytest.mark.parametrize("equation", EQUATIONS)
def test_sums_are_numpy_s_and_gradients_pytorch_s(equation: str, torch: Any) -> None:
    arrays = operands(equation)
    ours = [rl.tensor(array, requires_grad=True) for array in arrays]
    theirs = [torch.tensor(array, requires_grad=True) for array in arrays]
    y, u = rl.einsum(equation, *ours), torch.einsum(equation, *theirs)
    assert_close(y.numpy(), np.asarray(np.einsum(equation, *arrays)), rtol=1e-12, atol=1e-12)
    (y * y).sum().backward()
    (u * u).sum().backward()
    for x, t in zip(ours, theirs, strict=True):
        assert_close(x.grad.numpy(), t.grad.numpy(), rtol=1e-10, atol=1e-10)


DOTS = [
    ("...ij,...jk->...ik", [(2, 3, 4), (4, 5)]),
    ("...ij,...jk", [(2, 1, 3, 4), (5, 4, 2)]),
    ("i...,i...->...", [(3, 2, 4), (3, 4)]),
    ("...,...->...", [(2, 3), (3,)]),
    ("...ii->...i", [(2, 3, 3)]),
    ("a...b->b...a", [(2, 5, 6, 3)]),
    ("...a,a", [(2, 3), (3,)]),
    ("...->", [(2, 3)]),
    ("ij,ij->ij", [(2, 1), (1, 3)]),
    ("ij,jk->ik", [(2, 1), (3, 4)]),
    ("b...i,bi->b...", [(2, 4, 1, 3), (2, 3)]),
    ("...,b->b...", [(), (3,)]),
    ("ij,jk->ik", [(0, 3), (3, 2)]),
    ("ij,jk->ik", [(2, 0), (0, 2)]),
]


@pytest.mark.parametrize(("equation", "shapes"), DOTS, ids=str)
def test_dots_and_axes_of_size_1_broadcast(equation: str, shapes: Any, torch: Any) -> None:
    random = np.random.default_rng(0)
    arrays = [random.standard_normal(shape) for shape in shapes]
    wanted = torch.einsum(equation, *map(torch.tensor, arrays)).numpy()
    got = rl.einsum(equation, *map(rl.tensor, arrays))
    assert_close(got.numpy(), wanted, rtol=1e-12, atol=1e-12)


@st.composite
def equations(draw: Any) -> str:
    """Any operands of few letters, and some of those as the result."""
    texts = draw(st.lists(st.text("abc", max_size=3), min_size=1, max_size=3))
    letters = sorted(set("".join(texts)))
    result = draw(st.permutations(letters))[: draw(st.integers(0, len(letters)))]
    return ",".join(texts) + "->" + "".join(result)


@given(equations())
def test_any_equation_gives_what_numpy_gives(equation: str) -> None:
    arrays = operands(equation)
    got = rl.einsum(equation, *map(rl.tensor, arrays))
    assert_close(got.numpy(), np.asarray(np.einsum(equation, *arrays)), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("equation", ["bij,bjk->ikb", "ii,jj->ij", "ab,bc,ca->"])
def test_a_compiled_sum_is_c(equation: str) -> None:
    tensors = [rl.tensor(array.astype(np.float32)) for array in operands(equation)]
    fast = rl.compile(lambda *xs: rl.einsum(equation, *xs))
    wanted = rl.einsum(equation, *tensors).numpy()
    assert_close(fast(*tensors).numpy(), wanted, rtol=1e-5, atol=1e-5)
    assert fast.fallbacks == []


def test_a_chain_is_multiplied_in_the_order_that_costs_least() -> None:
    graph = rl.trace(
        lambda a, b, c: rl.einsum("ij,jk,k->i", a, b, c),
        rl.ones(30, 40),
        rl.ones(40, 50),
        rl.ones(50),
    )
    products = [node for node in graph.nodes if node.primitive.name == "matmul"]
    assert [max(node.outputs[0].shape) for node in products] == [40, 30]


@pytest.mark.parametrize(
    ("equation", "shapes", "words"),
    [
        ("ij,jk->ik", [(2, 3)], "names 2 operands, 1 are given"),
        ("ij->i", [(2, 3, 4)], r"'ij' names 2 axes, the operand is \(2, 3, 4\)"),
        ("ijk...->i", [(2, 3)], "names 3 axes"),
        ("ij,jk->ik", [(2, 3), (4, 5)], "axis j is 3 in one operand and 4 in another"),
        ("...,...", [(2, 3), (2, 4)], r"axis -1 of `\.\.\.` is 3"),
        ("ii->i", [(2, 3)], "i is 2 and 3 in one operand"),
        ("ij->ik", [(2, 3)], "has k, which no operand has"),
        ("ij->ii", [(2, 3)], "has i twice"),
        ("i.j->i", [(2, 3)], "should be made of letters"),
        ("i1->i", [(2, 3)], "should be made of letters"),
        ("ij->i->j", [(2, 3)], "should be made of letters"),
        ("......i->i", [(2, 3)], "should be made of letters"),
        (3, [(2, 3)], "the equation is text, not 3"),
    ],
)
def test_an_equation_that_does_not_fit_is_told_why(equation: Any, shapes: Any, words: str) -> None:
    with pytest.raises((rl.UsageError, rl.ShapeError), match=words):
        rl.einsum(equation, *[rl.ones(shape) for shape in shapes])
