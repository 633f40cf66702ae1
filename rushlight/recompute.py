"""`checkpoint`: memory for time. What a function computes in between is not kept but done again."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from rushlight.autograd import gradients, leaves_of, now, record
from rushlight.core.errors import GradientError, UsageError
from rushlight.core.mode import enable_grad, mode, noting_assignments
from rushlight.core.primitive import Primitive, Spec
from rushlight.ops.order import after
from rushlight.tensor import Tensor
from rushlight.tree import flatten, unflatten

Held = list[tuple[Tensor, Tensor]]  # tensors, and what each is to hold


def checkpoint(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Return what `function(*args, **kwargs)` does, and keep nothing of how it came about.

    When gradients are taken the function is called once more, and its intermediate results are
    there only meanwhile (Chen et al. 2016). Gradients are the same to the bit, for arguments as for
    what the function captures, and of any order. Dropout drops the same elements again, and running
    statistics move once. Give the tensors that come from layers before as arguments; what is
    captured works too, but compiled code may then keep what is made of it.

    Args:
        function: of trees (lists, tuples, dicts) of tensors; twice called it computes the same.
        args: its arguments.
        kwargs: likewise.

    Raises UsageError for a function that cannot be called; the backward pass raises GradientError
    where the second call gives results of other shapes or dtypes.

    >>> import rushlight as rl
    >>> layer = rl.nn.Sequential(rl.nn.Linear(4, 100), rl.nn.Tanh(), rl.nn.Linear(100, 4))
    >>> x = rl.ones(2, 4, requires_grad=True)
    >>> rl.checkpoint(layer, x).sum().backward()
    >>> x.grad.shape, layer[0].weight.grad.shape
    ((2, 4), (100, 4))
    """
    if not callable(function):
        raise UsageError(f"checkpoint takes a function or a layer, not {function!r:.60}")
    if not mode.grad:
        return function(*args, **kwargs)
    segment = _Segment(function, *flatten((args, kwargs)))
    since = now()
    with noting_assignments() as noted:
        outputs, tree = flatten(segment.call(segment.inputs))
    segment.before = list(noted.values())
    wanting = [y for y in outputs if y.requires_grad]
    if not wanting:
        return unflatten(tree, outputs)
    sources = leaves_of(wanting, since)
    results = [mode.evaluator.alias(y) for y in wanting]
    again = _Again(segment, results)
    record(again, sources, {}, results[0] if again.outputs == 1 else tuple(results))
    replaced = iter(results)
    return unflatten(tree, [next(replaced) if y.requires_grad else y for y in outputs])


class _Segment:
    """A call that can be made again."""

    def __init__(self, function: Callable[..., Any], inputs: list[Tensor], tree: Any) -> None:
        self.function = function
        self.inputs = inputs
        self.tree = tree
        self.before: Held = []  # what the tensors that it assigns to held at first

    def call(self, inputs: Sequence[Tensor]) -> Any:
        args, kwargs = unflatten(self.tree, inputs)
        return self.function(*args, **kwargs)

    def again(self, moments: Sequence[Tensor]) -> list[Tensor]:
        """Return the outputs that want gradients, worked out once more, after `moments`."""

        def later(x: Tensor) -> Tensor:
            for moment in moments:
                x = after(x, moment)
            return x

        with holding([(x, later(value)) for x, value in self.before]):
            outputs, _ = flatten(self.call([later(x) for x in self.inputs]))
        return [y for y in outputs if y.requires_grad]


class _Again(Primitive):
    """One such call, as autograd knows it: its gradients are those of calling it again.

    Rules are asked for one input at a time; the answers for the others wait until they are.
    """

    name = "checkpoint"

    def __init__(self, segment: _Segment, results: Sequence[Tensor]) -> None:
        self.segment = segment
        self.specs = tuple(y.spec for y in results)
        self.outputs = len(results)
        self._given: Any = None  # the gradient that the answers are for
        self._found: dict[int, Any] = {}

    def rule(self, *specs: Spec, **params: Any) -> Any:
        return self.specs if self.outputs > 1 else self.specs[0]

    def vjp(self, wrt: int, g: Any, y: Any, *inputs: Any, **params: Any) -> Any:
        if self._given is not g:
            seeds = [g] if self.outputs == 1 else list(g)
            linked, since = mode.grad, now()
            with enable_grad():
                outputs = self.segment.again([seed.detach() for seed in seeds])
            _check_same([y.spec for y in outputs], [seed.spec for seed in seeds])
            found = gradients(outputs, inputs, seeds, create_graph=linked, since=since)
            self._given, self._found = g, dict(enumerate(found))
        gradient = self._found.pop(wrt)
        if not self._found:
            self._given = None
        return gradient


def _check_same(again: list[Spec], before: list[Spec]) -> None:
    """Raise unless a call that was made again gave results like those of the first."""
    if again != before:
        texts = (", ".join(map(str, specs)) or "nothing" for specs in (again, before))
        fact = "called again, the checkpointed function gave {} to differentiate, at first {}"
        hint = "what it reads beside its arguments must be as it was until backward is done"
        raise GradientError(fact.format(*texts), hint=hint)


@contextmanager
def holding(values: Held) -> Iterator[None]:
    """Let tensors hold other values for a block."""
    evaluator = mode.evaluator
    own = [(x, x.detach(), x.assigned_at) for x, _ in values]
    for x, value in values:
        evaluator.assign(x, value)
    try:
        yield
    finally:
        for x, value, moment in own:
            evaluator.assign(x, value)
            x.assigned_at = moment
