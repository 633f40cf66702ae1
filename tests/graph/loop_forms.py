"""Loops and choices of every form: functions of tensors, for the tests of the trace and of the C.

Each is a function of tensors and returns a list of them. What a body captures is an argument of the
function around it; so every gradient is asked for.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

import rushlight as rl
from rushlight.core.primitive import Array

Function = Callable[..., Any]


@dataclass(frozen=True)
class Form:
    """A function, and arrays to call it with."""

    function: Function
    inputs: tuple[Array, ...]
    smooth: bool = True  # whether gradients go through it

    def tensors(self, requires_grad: bool = True) -> list[rl.Tensor]:
        """Return new tensors of the inputs, those of floats with gradients."""
        return [
            rl.tensor(x, requires_grad=requires_grad and self.smooth and x.dtype.kind == "f")
            for x in self.inputs
        ]

    def with_gradients(self, *xs: rl.Tensor) -> list[rl.Tensor]:
        """Return the results, and the gradients of a sum of them for all that have some."""
        results = list(self.function(*xs))
        return [*results, *self.gradients(results, xs)]

    def gradients(self, results: Sequence[rl.Tensor], xs: Sequence[rl.Tensor]) -> list[rl.Tensor]:
        """Return the gradients of the results, each element weighed by another number."""
        roots = [y for y in results if y.requires_grad]
        wanted = [x for x in xs if x.requires_grad]
        if not roots or not wanted:
            return []
        seeds = [rl.tensor(seed(y)) for y in roots]
        found = rl.gradients_of(roots, wanted, seeds)
        return [g for g in found if g is not None]


def seed(y: rl.Tensor) -> Array:
    """Return a number for each element, none like another."""
    return np.cos(np.arange(y.size) + 1.0).reshape(y.shape).astype(y.dtype.storage)


FORMS: dict[str, Form] = {}


def form(
    *inputs: Any, dtype: str = "float32", smooth: bool = True, name: str = ""
) -> Callable[[Function], Function]:
    """Enter a function; inputs are shapes, filled with numbers near 1/2, or arrays."""
    random = np.random.default_rng(sum(map(len, map(str, inputs))))

    def array(given: Any) -> Array:
        if isinstance(given, tuple):
            return random.uniform(-0.9, 0.9, given).astype(dtype)
        return np.asarray(given)

    def enter(function: Function) -> Function:
        title = name or function.__name__.replace("_", " ")
        FORMS[title] = Form(function, tuple(map(array, inputs)), smooth)
        return function

    return enter


def whole(*numbers: int) -> Array:
    return np.array(numbers, np.int64)


def integer(number: int) -> Array:
    return np.array(number, np.int64)


@form((), (5,))
def sums(start: rl.Tensor, xs: rl.Tensor) -> list[rl.Tensor]:
    return list(rl.scan(lambda s, x: (s + x, s * x), start, xs))


@form((3,))
def no_rows(x: rl.Tensor) -> list[rl.Tensor]:
    state, ys = rl.scan(lambda s, _: ((s * 1.5).tanh(), s.sum()), x, length=4)
    return [state, ys]


@form((3,))
def no_results(x: rl.Tensor) -> list[rl.Tensor]:
    return [rl.scan(lambda s, _: ((s * 1.5).tanh(), None), x, length=4)[0]]


@form((4, 3))
def no_state(xs: rl.Tensor) -> list[rl.Tensor]:
    return [rl.scan(lambda s, x: (s, x.tanh()), None, xs)[1]]


@form((3,), (3,), (4, 3), (4,))
def trees(a: rl.Tensor, b: rl.Tensor, xs: rl.Tensor, scales: rl.Tensor) -> list[rl.Tensor]:
    def turn(state: Any, x: Any) -> Any:
        first, (second,) = state["first"], state["rest"]
        new = {"first": second * x["scale"], "rest": [first + x["row"]]}
        return new, (first * second, {"sum": (first + second).sum()})

    start = {"first": a, "rest": [b]}
    state, (products, more) = rl.scan(turn, start, {"row": xs, "scale": scales})
    return [state["first"], *state["rest"], products, more["sum"]]


@form((2, 3), (6, 2, 4), (4, 3), (3, 3), (3,))
def recurrent(
    h: rl.Tensor, xs: rl.Tensor, w: rl.Tensor, u: rl.Tensor, b: rl.Tensor
) -> list[rl.Tensor]:
    def turn(h: rl.Tensor, x: rl.Tensor) -> Any:
        h = (x @ w + h @ u + b).tanh()
        return h, h

    return list(rl.scan(turn, h, xs))


@form((2, 3), (6, 2, 4), (4, 3), (3, 3), (3,))
def recurrent_backwards(
    h: rl.Tensor, xs: rl.Tensor, w: rl.Tensor, u: rl.Tensor, b: rl.Tensor
) -> list[rl.Tensor]:
    def turn(h: rl.Tensor, x: rl.Tensor) -> Any:
        h = (x @ w + h @ u + b).tanh()
        return h, h * x.sum()

    return list(rl.scan(turn, h, xs, reverse=True))


@form((2, 3), (5, 2, 4), (12, 4), (12, 3), (12,))
def gates(h: rl.Tensor, xs: rl.Tensor, w: rl.Tensor, u: rl.Tensor, b: rl.Tensor) -> list[rl.Tensor]:
    def turn(state: Any, x: rl.Tensor) -> Any:
        h, c = state
        i, f, g, o = (x @ w.T + h @ u.T + b).split(h.shape[1], axis=1)
        c = f.sigmoid() * c + i.sigmoid() * g.tanh()
        h = o.sigmoid() * c.tanh()
        return (h, c), h

    (h, c), ys = rl.scan(turn, (h, h * 0.5), xs)
    return [h, c, ys]


@form((2, 3), (5, 2, 3), (3, 3), (3,))
def weights_used_in_many_ways(
    h: rl.Tensor, xs: rl.Tensor, w: rl.Tensor, b: rl.Tensor
) -> list[rl.Tensor]:
    def turn(h: rl.Tensor, x: rl.Tensor) -> Any:
        one = x @ w + h @ w.T + b
        other = (w[1:] * x[:, :1].sum()).sum(0) + w.sum() * b[:1] + b.reshape(1, 3)
        return (one + other).tanh() * 0.5, (w @ h.T).sum(1) * b

    return list(rl.scan(turn, h, xs))


@form((2, 4, 3), (5, 2, 4, 3), (3, 3), (2, 3, 3))
def products_with_more_axes(
    h: rl.Tensor, xs: rl.Tensor, w: rl.Tensor, v: rl.Tensor
) -> list[rl.Tensor]:
    def turn(h: rl.Tensor, x: rl.Tensor) -> Any:
        h = (x @ w + h @ v).tanh()
        return h, (h @ h.transpose(-1, -2)) @ x

    return list(rl.scan(turn, h, xs))


@form((3,), (5, 3), (3, 3))
def products_of_vectors(h: rl.Tensor, xs: rl.Tensor, w: rl.Tensor) -> list[rl.Tensor]:
    return list(rl.scan(lambda h, x: ((x @ w + w @ h).tanh(), x @ h), h, xs))


@form((3,), (4, 3), (3, 3))
def same_in_every_turn(h: rl.Tensor, xs: rl.Tensor, w: rl.Tensor) -> list[rl.Tensor]:
    def turn(h: rl.Tensor, x: rl.Tensor) -> Any:
        fixed = (w * 2.0).tanh().sum(0)
        return (h + fixed * x) * 0.5, fixed

    return list(rl.scan(turn, h, xs))


@form((3,), (4, 3))
def state_that_does_not_depend_on_itself(h: rl.Tensor, xs: rl.Tensor) -> list[rl.Tensor]:
    return list(rl.scan(lambda h, x: (x.tanh(), h * x), h, xs))


@form((3,), (4, 3), (3,))
def state_that_is_always_the_same(h: rl.Tensor, xs: rl.Tensor, b: rl.Tensor) -> list[rl.Tensor]:
    return list(rl.scan(lambda h, x: (b, h * x), h, xs))


@form((3,), (4, 3))
def state_and_row_as_results(h: rl.Tensor, xs: rl.Tensor) -> list[rl.Tensor]:
    state, (one, two, three) = rl.scan(lambda h, x: (x, (h, x, h)), h, xs)
    return [state, one, two, three]


@form((3,), (3,), (4, 3))
def states_that_change_places(a: rl.Tensor, b: rl.Tensor, xs: rl.Tensor) -> list[rl.Tensor]:
    def turn(state: Any, x: rl.Tensor) -> Any:
        a, b = state
        return (b, a), a * x

    (a, b), ys = rl.scan(turn, (a, b), xs)
    return [a, b, ys]


@form((3,), (4, 3))
def one_result_twice(h: rl.Tensor, xs: rl.Tensor) -> list[rl.Tensor]:
    def turn(h: rl.Tensor, x: rl.Tensor) -> Any:
        h = (h * x).tanh()
        return h, (h, h)

    state, (one, two) = rl.scan(turn, h, xs)
    return [state, one, two, state]


@form((3,), (3,))
def one_tensor_as_two_states(h: rl.Tensor, x: rl.Tensor) -> list[rl.Tensor]:
    (a, b), _ = rl.scan(lambda s, _: ((s[0] * s[1], s[1] + x), None), (h, h), length=3)
    return [a, b]


@form((3,), (4, 3))
def rows_given_twice(h: rl.Tensor, xs: rl.Tensor) -> list[rl.Tensor]:
    return list(rl.scan(lambda h, x: (h + x[0] * x[1], h * x[0]), h, (xs, xs)))


@form((3,), (4, 3))
def rows_that_are_captured_too(h: rl.Tensor, xs: rl.Tensor) -> list[rl.Tensor]:
    return list(rl.scan(lambda h, x: (h + x * xs.sum(0), h * xs[1]), h, xs))


@form((3,), (4, 3))
def state_that_is_captured_too(h: rl.Tensor, xs: rl.Tensor) -> list[rl.Tensor]:
    return list(rl.scan(lambda s, x: (s * h + x, s + h), h, xs))


@form((3, 4), (5, 3))
def rows_and_state_that_lie_across(h: rl.Tensor, xs: rl.Tensor) -> list[rl.Tensor]:
    def turn(h: rl.Tensor, x: rl.Tensor) -> Any:
        return (h.T * 0.5 + x.reshape(3, 1).T).T, h.T

    state, ys = rl.scan(turn, h.T.T, xs.T.T)
    other, zs = rl.scan(lambda h, x: (h * 0.5 + x, h.T), h.T[:3, :3], xs[:, ::-1])
    return [state, ys, other, zs]


@form((5, 3, 4), (3, 4))
def rows_of_a_transposed_tensor(xs: rl.Tensor, h: rl.Tensor) -> list[rl.Tensor]:
    turned = xs.permute(2, 1, 0)
    return list(rl.scan(lambda h, x: (h + x[:, :1] * h, x.T), h, turned))


@form((3,), whole(3, -1, 4, 2), (5,))
def whole_numbers_and_bools(h: rl.Tensor, xs: rl.Tensor, table: rl.Tensor) -> list[rl.Tensor]:
    def turn(state: Any, x: rl.Tensor) -> Any:
        h, total, odd = state
        total = total + x
        odd = odd ^ (x % 2 == 1)
        h = rl.where(odd, h * 0.5, h + table[x % 5])
        return (h, total, odd), (total * 2, odd, h)

    start = (h, rl.tensor(0), rl.tensor(False))
    (h, total, odd), ys = rl.scan(turn, start, xs)
    return [h, total, odd, *ys]


@form((3,), (1, 3))
def one_turn(h: rl.Tensor, xs: rl.Tensor) -> list[rl.Tensor]:
    return list(rl.scan(lambda h, x: ((h * x).tanh(), h + x), h, xs))


@form((3,), (0, 3), (3,))
def no_turn(h: rl.Tensor, xs: rl.Tensor, w: rl.Tensor) -> list[rl.Tensor]:
    return list(rl.scan(lambda h, x: ((h * x + w).tanh(), h + x), h, xs))


@form((0,), (4, 0), (0,))
def no_elements(h: rl.Tensor, xs: rl.Tensor, w: rl.Tensor) -> list[rl.Tensor]:
    return list(rl.scan(lambda h, x: ((h * x + w).tanh(), (h + x).sum()), h, xs))


def _counted(reverse: bool) -> Function:
    def counted(h: rl.Tensor, xs: rl.Tensor, w: rl.Tensor, n: rl.Tensor) -> list[rl.Tensor]:
        def turn(h: rl.Tensor, x: rl.Tensor) -> Any:
            h = (h * x + w).tanh()
            return h, h * x

        return list(rl.scan(turn, h, xs, count=n, reverse=reverse))

    return counted


for _count in (-3, 0, 1, 3, 4, 9):
    form((3,), (4, 3), (3,), integer(_count), name=f"{_count} of four turns")(_counted(False))
    form((3,), (4, 3), (3,), integer(_count), name=f"{_count} of four back")(_counted(True))


@form((2,), (3, 4, 2), (2, 2))
def loops_in_a_loop(h: rl.Tensor, xs: rl.Tensor, w: rl.Tensor) -> list[rl.Tensor]:
    def outer(h: rl.Tensor, rows: rl.Tensor) -> Any:
        def inner(s: rl.Tensor, x: rl.Tensor) -> Any:
            s = (s @ w + x * h).tanh()
            return s, s

        return rl.scan(inner, h, rows, reverse=True)

    return list(rl.scan(outer, h, xs))


@form((3,), (5, 3), (3,))
def choice_in_a_loop(h: rl.Tensor, xs: rl.Tensor, w: rl.Tensor) -> list[rl.Tensor]:
    def turn(h: rl.Tensor, x: rl.Tensor) -> Any:
        h = rl.cond(x.sum() > 0.0, lambda h: (h * w).tanh(), lambda h: h + x * x, h)
        return h, rl.cond(h[0] > x[0], lambda: h * 2.0, lambda: x)

    return list(rl.scan(turn, h, xs))


@form((3,), (4, 3), (3,))
def loop_in_a_choice(h: rl.Tensor, xs: rl.Tensor, w: rl.Tensor) -> list[rl.Tensor]:
    def long(h: rl.Tensor, xs: rl.Tensor) -> Any:
        return rl.scan(lambda h, x: ((h * w + x).tanh(), h), h, xs)

    def short(h: rl.Tensor, xs: rl.Tensor) -> Any:
        return h * xs[0], xs * w

    above, below = rl.cond(h.sum() < 9.0, long, short, h, xs)
    other, others = rl.cond(h.sum() > 9.0, long, short, h, xs)
    return [above, below, other, others]


@form((3,), (3,))
def choices(x: rl.Tensor, w: rl.Tensor) -> list[rl.Tensor]:
    def one(a: Any) -> Any:
        return {"y": a[0] * w, "n": rl.tensor(1)}

    def other(a: Any) -> Any:
        return {"y": a[1].exp(), "n": rl.tensor(2)}

    made = [rl.cond(x.sum() < limit, one, other, (x, x * 2.0)) for limit in (9.0, -9.0)]
    return [made[0]["y"], made[0]["n"], made[1]["y"], made[1]["n"]]


@form((3,), (4, 3), smooth=False)
def while_in_a_loop(h: rl.Tensor, xs: rl.Tensor) -> list[rl.Tensor]:
    def turn(h: rl.Tensor, x: rl.Tensor) -> Any:
        h = rl.while_loop(lambda s: (s * s).sum() < 20.0, lambda s: s * 1.5 + x * x + 0.1, h * 0.1)
        return h, h.sum()

    return list(rl.scan(turn, h, xs))


@form((3,), integer(7), smooth=False)
def while_loops(x: rl.Tensor, n: rl.Tensor) -> list[rl.Tensor]:
    a, turns = rl.while_loop(
        lambda s: s[1] < n, lambda s: (s[0] * 1.5, s[1] + 1), (x, rl.tensor(0))
    )
    none = rl.while_loop(lambda s: s.sum() > 99.0, lambda s: s * 2.0, x)
    swapped = rl.while_loop(
        lambda s: s[2] < 3, lambda s: (s[1], s[0], s[2] + 1), (x, x + 1.0, rl.tensor(0))
    )
    return [a, turns, none, *swapped]


@form((3,), (3,), (4, 3))
def float64_loop(h: rl.Tensor, w: rl.Tensor, xs: rl.Tensor) -> list[rl.Tensor]:
    h, w, xs = (x.cast("float64") for x in (h, w, xs))
    return list(rl.scan(lambda h, x: ((h * w + x).tanh(), h.sum()), h, xs))


@form((3,), (3,), (4, 3), smooth=False)
def halves(h: rl.Tensor, w: rl.Tensor, xs: rl.Tensor) -> list[rl.Tensor]:
    made = []
    for kind in ("float16", "bfloat16"):

        def turn(h: rl.Tensor, x: rl.Tensor, k: str = kind) -> Any:
            new = h.cast("float32") * w + x.cast("float32")
            return new.cast(k), (x, new.cast("bool"), h)

        state, ys = rl.scan(turn, h.cast(kind), xs.cast(kind))
        made += [state, *ys]
    return made


LARGE = np.linspace(-1.0, 1.0, 60, dtype=np.float32).reshape(20, 3)


@form((3,), (4, 3))
def a_large_constant(h: rl.Tensor, xs: rl.Tensor) -> list[rl.Tensor]:
    def turn(h: rl.Tensor, x: rl.Tensor) -> Any:
        table = rl.tensor(LARGE)
        return (h * table[3] + x).tanh(), (table @ h) * rl.tensor([0.5])

    return list(rl.scan(turn, h, xs))


@form((3,), whole(1, 4, 0, 4, 2), (5, 3))
def lookups(h: rl.Tensor, ids: rl.Tensor, table: rl.Tensor) -> list[rl.Tensor]:
    def turn(h: rl.Tensor, i: rl.Tensor) -> Any:
        h = (h + table[i]).tanh()
        return h, table[i.reshape(1), :2]

    return list(rl.scan(turn, h, ids))


@form((2, 6), (4, 2, 6), (6,), (6,))
def normed(h: rl.Tensor, xs: rl.Tensor, w: rl.Tensor, b: rl.Tensor) -> list[rl.Tensor]:
    def turn(h: rl.Tensor, x: rl.Tensor) -> Any:
        h = rl.nn.functional.layer_norm(h + x, w, b)
        return h.softmax(), h.max(1)

    return list(rl.scan(turn, h, xs))


@form((1, 2, 7), (3, 1, 2, 7), (2, 2, 3))
def convolved(h: rl.Tensor, xs: rl.Tensor, w: rl.Tensor) -> list[rl.Tensor]:
    def turn(h: rl.Tensor, x: rl.Tensor) -> Any:
        h = (rl.nn.functional.conv1d(h, w, padding=1) + x).tanh()
        return h, rl.nn.functional.max_pool1d(h, 2)

    return list(rl.scan(turn, h, xs))


@form((3,), (4, 3), (3,))
def made_again_on_the_way_back(h: rl.Tensor, xs: rl.Tensor, w: rl.Tensor) -> list[rl.Tensor]:
    def turn(h: rl.Tensor, x: rl.Tensor) -> Any:
        h = rl.checkpoint(lambda h, x: (h * w + x).tanh() * h.exp(), h, x)
        return h, h.sum()

    def loop(h: rl.Tensor, xs: rl.Tensor) -> Any:
        return rl.scan(lambda h, x: ((h + x * w).tanh(), h), h, xs)

    return [*rl.scan(turn, h, xs), *rl.checkpoint(loop, h, xs)]


@form((3,), (4, 3), (3,))
def mapped_inside(h: rl.Tensor, xs: rl.Tensor, w: rl.Tensor) -> list[rl.Tensor]:
    def turn(h: rl.Tensor, x: rl.Tensor) -> Any:
        h = rl.vmap(lambda a, b: (a * b).tanh() + w.sum() * a)(h, x)
        return h, h

    return list(rl.scan(turn, h, xs))


@form((2, 3), (2, 4, 3), (3,))
def mapped_outside(h: rl.Tensor, xs: rl.Tensor, w: rl.Tensor) -> list[rl.Tensor]:
    def loop(h: rl.Tensor, xs: rl.Tensor) -> Any:
        return rl.scan(lambda h, x: ((h * w + x).tanh(), h.sum()), h, xs)

    return list(rl.vmap(loop)(h, xs))


@form((3,), (4, 3), (3,))
def gradient_inside(h: rl.Tensor, xs: rl.Tensor, w: rl.Tensor) -> list[rl.Tensor]:
    def turn(h: rl.Tensor, x: rl.Tensor) -> Any:
        slope = rl.grad(lambda h: ((h * w + x).tanh() ** 2).sum())(h)
        return h - slope * 0.1, slope

    return list(rl.scan(turn, h, xs))


@form((3,), (4, 3), (3,), smooth=False)
def loop_and_its_gradient_inside(h: rl.Tensor, xs: rl.Tensor, w: rl.Tensor) -> list[rl.Tensor]:
    def loss(h: rl.Tensor, x: rl.Tensor) -> rl.Tensor:
        return rl.scan(lambda s, _: ((s * w + x).tanh(), None), h, length=3)[0].sum()

    def turn(h: rl.Tensor, x: rl.Tensor) -> Any:
        value, slope = rl.value_and_grad(loss)(h, x)
        return h - slope * 0.1, value

    return list(rl.scan(turn, h, xs))


@form((3,), (4, 3), (3, 3))
def computed_things_captured(h: rl.Tensor, xs: rl.Tensor, w: rl.Tensor) -> list[rl.Tensor]:
    made = (w @ w).tanh()
    rows = xs * made.sum()
    return list(rl.scan(lambda h, x: ((h @ made + x).tanh(), made[0] * h), h * 2.0, rows))


@form((3,), (4, 3), (3,))
def one_loop_after_another(h: rl.Tensor, xs: rl.Tensor, w: rl.Tensor) -> list[rl.Tensor]:
    h, ys = rl.scan(lambda h, x: ((h * w + x).tanh(), h * w), h, xs)
    return list(rl.scan(lambda h, x: ((h * x).tanh(), h + w), h, ys, reverse=True))


@form((3,), (4, 3), (3,))
def results_that_are_not_read(h: rl.Tensor, xs: rl.Tensor, w: rl.Tensor) -> list[rl.Tensor]:
    _, (one, _) = rl.scan(lambda h, x: ((h * w + x).tanh(), (h * w, x * 2.0)), h, xs)
    return [one]


@form((3,), (4, 3), (3,))
def parts_without_a_gradient(h: rl.Tensor, xs: rl.Tensor, w: rl.Tensor) -> list[rl.Tensor]:
    def turn(state: Any, x: rl.Tensor) -> Any:
        h, held = state
        return ((h * w + x).tanh(), h.detach() * 2.0), (h.detach(), h * held)

    (h, held), (one, two) = rl.scan(turn, (h, h.detach()), xs)
    return [h, held, one, two]


@form((3,), (4, 3), (3,))
def parts_done_without_gradients(h: rl.Tensor, xs: rl.Tensor, w: rl.Tensor) -> list[rl.Tensor]:
    def turn(h: rl.Tensor, x: rl.Tensor) -> Any:
        with rl.no_grad():
            scale = (h * w).exp().sum()
            inner, _ = rl.scan(lambda s, _: (s * w, None), h, length=2)
        (slope,) = rl.gradients_of((h * x * w).tanh().sum(), [w], retain_graph=True)
        wide = rl.vmap(lambda a: a.detach() * a)(h)
        return (h * scale + x + inner).tanh(), (slope * h, wide)

    h, (slopes, wide) = rl.scan(turn, h, xs)
    return [h, slopes, wide]


@form((3,), (4, 3), (3,))
def a_choice_with_parts_without_a_gradient(
    h: rl.Tensor, xs: rl.Tensor, w: rl.Tensor
) -> list[rl.Tensor]:
    def one(h: rl.Tensor) -> Any:
        return (h * w).detach() * h * w

    def turn(h: rl.Tensor, x: rl.Tensor) -> Any:
        return rl.cond(x[0] > 0.0, one, lambda h: h.detach() + w, h), h

    return list(rl.scan(turn, h, xs))
