"""Random programs and their graphs: all kinds of ops on small tame numbers, the same by seed.

Results hardly move when the inputs do: no step is near a jump, an overflow or a division by 0. So
two ways to evaluate one graph differ by rounding only, wherever they do not differ by a fault.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from rushlight.core.dtypes import DType, float32, float64, int32, int64, uint8
from rushlight.core.errors import RushlightError
from rushlight.core.mode import no_grad
from rushlight.core.primitive import Array
from rushlight.graph.ir import Graph
from rushlight.graph.trace import trace
from rushlight.tensor import Tensor
from rushlight.testing.draft import Draft, Step
from rushlight.testing.steps import KINDS

SHAKE = 1e-5  # relative change of the inputs, against which results must be steady
STEADY = 1e-3  # how far a result may move then, beside 1 and its own size
STEPS = 14
TRIES = 40  # to draw a step
SIZES = (1, 1, 2, 2, 3, 4, 5, 7, 16, 17)
RANKS = (0, 1, 2, 2, 3, 3, 4)
MOST = 160  # elements of an input


@dataclass(eq=False)
class Program:
    """A function of tensors that is the same at each call, and the tensors that it captures."""

    arguments: list[Array]
    weights: list[Tensor]  # trained, if there are losses
    states: list[Tensor]  # two of whole numbers, and the random state
    steps: list[Step] = field(default_factory=list)
    outputs: list[int] = field(default_factory=list)  # places in the pool
    losses: list[int] = field(default_factory=list)
    keeps_grad: bool = False

    def __call__(self, *arguments: Tensor) -> list[Tensor]:
        pool = [*arguments, *self.weights, *self.states]
        for step in self.steps:
            pool.append(step.run(pool))
        results = [pool[place] for place in self.outputs]
        if self.losses:
            results.append(self._train([pool[place] for place in self.losses]))
        return results

    def _train(self, terms: list[Tensor]) -> Tensor:
        """Go back from the sum of some values, and take a step of gradient descent."""
        loss: Any = sum((x.tanh().mean().cast(float32) for x in terms), Tensor(0.0))
        for weight in self.weights:
            weight.grad = None
        loss.backward()
        with no_grad():
            for weight in self.weights:
                if weight.grad is not None:
                    weight.assign(weight - weight.grad * 0.5)
        if not self.keeps_grad:
            for weight in self.weights:
                weight.grad = None
        return loss  # type: ignore[no-any-return]

    def fresh(self, shake: float = 0.0) -> "Program":
        """Return the same program with tensors of its own, rough numbers a little larger."""
        return replace(
            self,
            arguments=[_shaken(array, shake) for array in self.arguments],
            weights=[_copied(x, shake) for x in self.weights],
            states=[_copied(x, 0.0) for x in self.states],
        )

    def tensors(self) -> list[Tensor]:
        """Return new tensors of the arguments."""
        return [Tensor(array) for array in self.arguments]

    def everything(self) -> list[Array]:
        """Run the program and return its results, states and gradients."""
        results = self(*self.tensors())
        grads = [x.grad for x in self.weights if x.grad is not None]
        return [x.numpy() for x in (*results, *self.weights, *self.states, *grads)]


def random_program(seed: int) -> Program:
    """Return a random program, the same for the same seed.

    >>> program = random_program(1)
    >>> [x.shape for x in program(*program.tensors())] == [
    ...     x.shape for x in random_program(1)(*program.tensors())
    ... ]
    True
    """
    for attempt in range(100):
        program = _drawn(random.Random(f"{seed} {attempt}"))
        if _is_steady(program):
            return program
    raise RuntimeError(f"no program of seed {seed} is steady")


def random_graph(seed: int) -> tuple[Graph, list[Array]]:
    """Return the graph of a random program, and arrays for its arguments.

    >>> from rushlight.graph.interpret import Interpreter
    >>> graph, arguments = random_graph(1)
    >>> results = Interpreter(graph).run(inputs_of(graph, arguments))
    >>> len(results) == len(graph.results())
    True
    """
    program = random_program(seed)
    graph = trace(program, *program.tensors())
    graph.name = f"program_{seed}"
    return graph, program.arguments


def inputs_of(graph: Graph, arguments: Sequence[Array]) -> list[Array]:
    """Return what a run of a graph takes: the arguments, then what its captured tensors hold.

    Passes may give graphs that read fewer of these.
    """
    held = [x.data for x, _ in graph.states] + [x.grad.data for x, _ in graph.grads]
    return [*arguments, *held]


def _drawn(pick: random.Random) -> Program:
    """Return a program that was drawn step by step, while it ran."""
    master = _shape(pick)
    rough, whole = (float32, float32, float32, float64), (int64, int32, uint8, float32)
    arguments = [_numbers(pick, _part(pick, master), pick.choice(rough), False) for _ in range(2)]
    arguments += [_numbers(pick, _part(pick, master), pick.choice(whole), True) for _ in range(2)]
    weights = [_weight(pick, _part(pick, master)), _weight(pick, (pick.randint(2, 20), 3))]
    key = np.array([pick.getrandbits(32) for _ in range(2)] + [0, 0], np.uint32)
    states = [Tensor(np.int64(2)), Tensor(np.float32(3.0)), Tensor(key)]
    program = Program(arguments, weights, states)
    running = program.fresh()
    pool = [*running.tensors(), *running.weights, *running.states]
    exact = [False, False, True, True, False, False, True, True, False]
    draft = Draft(pick, pool, exact, hidden=len(pool) - 1)
    wanted = pick.randint(3, STEPS)
    for _ in range(TRIES):
        if len(draft.steps) < wanted:
            draft.extend(KINDS)
    program.steps = draft.steps
    _finish(program, draft)
    return program


def _finish(program: Program, draft: Draft) -> None:
    """Choose what the program returns: what no step reads, and perhaps more; and its losses."""
    pick, first = draft.pick, len(draft.pool) - len(draft.steps)
    read = {place for step in draft.steps for place in step.operands}
    ends = [place for place in range(first, len(draft.pool)) if place not in read]
    more = [draft.choose() for _ in range(pick.randrange(3))]
    program.outputs = [*ends, *more]
    paths = [p for p in ends if draft.pool[p].requires_grad and draft.pool[p].size]
    if pick.random() < 0.7:
        program.losses = paths
    program.keeps_grad = pick.random() < 0.5


def _is_steady(program: Program) -> bool:
    """Return whether small changes of the inputs change results little, gradients too."""
    try:
        with np.errstate(all="ignore"):
            one, other = program.fresh().everything(), program.fresh(SHAKE).everything()
    except RushlightError:
        return False
    return all(_is_near(a, b) for a, b in zip(one, other, strict=True))


def _is_near(one: Array, other: Array) -> bool:
    a, b = one.astype(np.float64), other.astype(np.float64)
    return bool((np.abs(a - b) <= STEADY * (1.0 + np.abs(a))).all())


def _shape(pick: random.Random) -> tuple[int, ...]:
    shape: list[int] = []
    for _ in range(pick.choice(RANKS)):
        size = 0 if pick.random() < 0.03 else pick.choice(SIZES)
        shape.append(size if size * int(np.prod(shape)) <= MOST else 1)
    return tuple(shape)


def _part(pick: random.Random, master: Sequence[int]) -> tuple[int, ...]:
    """Return a shape that broadcasts to another: some axes of size 1, some on the left absent."""
    shape = [1 if pick.random() < 0.2 else size for size in master]
    return tuple(shape[pick.randint(0, len(shape)) if pick.random() < 0.3 else 0 :])


def _numbers(pick: random.Random, shape: tuple[int, ...], dtype: DType, whole: bool) -> Array:
    count = int(np.prod(shape))
    if whole:
        low = pick.choice([0, 0, -5]) if dtype.kind != "uint" else 0
        numbers: list[float] = [pick.randint(low, pick.choice([1, 3, 9])) for _ in range(count)]
    else:
        numbers = [pick.uniform(-2.0, 2.0) for _ in range(count)]
    return np.array(numbers, np.float64).astype(dtype.storage).reshape(shape)


def _weight(pick: random.Random, shape: tuple[int, ...]) -> Tensor:
    return Tensor(_numbers(pick, shape, float32, False), requires_grad=True)


def _shaken(array: Array, shake: float) -> Array:
    rough = array.dtype.kind == "f" and not np.array_equal(array, np.round(array))
    return (array * (1.0 + shake)).astype(array.dtype) if rough else array.copy()


def _copied(x: Tensor, shake: float) -> Tensor:
    return Tensor(_shaken(x.numpy(), shake), requires_grad=x.requires_grad)
