"""Modules that are traced graphs: how a model file keeps a module whose class it cannot name."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from rushlight.core.bind import bind
from rushlight.core.errors import DTypeError, FormatError, ModuleError, ShapeError
from rushlight.core.mode import mode, no_grad
from rushlight.core.primitive import Primitive
from rushlight.formats.graph_json import at_batch, graph_from_json, graph_to_json, merge_batches
from rushlight.formats.plain import brief
from rushlight.formats.safetensors_header import shown
from rushlight.graph.ir import Graph
from rushlight.graph.trace import Traced, trace_tree
from rushlight.nn.module import Module, Parameter
from rushlight.tensor import Tensor, as_tensor
from rushlight.tree import unflatten

BATCHES = (37, 41, 43)  # sizes to trace at: primes that no layer is likely to have of its own
BATCH = {"batch": 1, "plus": 0}
MOST_GRAPHS = 8  # one for each batch size; forgotten when there are more


class Step(NamedTuple):
    """One node made ready to run: what to bind, on which values, which to forget afterwards."""

    primitive: Primitive
    inputs: tuple[int, ...]
    params: dict[str, Any]
    outputs: tuple[int, ...]
    module: str
    forget: tuple[int, ...]


class Plan(NamedTuple):
    """A graph made ready to run for one batch size."""

    graph: Graph
    result: Any
    steps: list[Step]


class Part(Module):
    """A named part of a traced module: it holds tensors, the graph computes."""


class TracedModule(Module):
    """A graph in place of the class that it was traced from; parameters keep their names.

    It computes what the module did in evaluation mode, in training mode too, and its parameters
    can be trained further.
    """

    _record: dict[str, Any]
    _constants: dict[str, Tensor]
    _plans: dict[int, Plan]

    @classmethod
    def of(
        cls,
        record: Any,
        parameters: Mapping[str, Tensor],
        buffers: Mapping[str, Tensor],
        constants: Mapping[str, Tensor],
    ) -> "TracedModule":
        """Return the module for a graph's record and the tensors that the record names.

        Raises:
            FormatError: the record is none, or names do not fit each other.
        """
        self = cls()
        self.__dict__.update(_record=record, _constants=dict(constants), _plans={})
        _hang(self, parameters, buffers)
        self.plan(2)
        for place, one in enumerate(record["arguments"]):
            for size in one["shape"]:
                if size != BATCH and type(size) is not int:
                    raise FormatError(f"argument {place}: {brief(size)} is no size of an axis")
        return self

    @property
    def record(self) -> dict[str, Any]:
        """The graph as JSON, for any batch size where it has one."""
        return self._record

    @property
    def constants(self) -> dict[str, Tensor]:
        """The constants of the graph that are tensors of its file."""
        return self._constants

    def forward(self, *inputs: Any) -> Any:
        tensors = [as_tensor(x) for x in inputs]
        plan = self._plan_for(tensors)
        own = self.state_dict()
        names: list[str] = self._record["states"]
        constants = [x for x, _ in plan.graph.states[len(names) :]]
        return run(plan, [*tensors, *(own[name] for name in names), *constants])

    def plan(self, batch: int) -> Plan:
        """Return the graph for a batch size, made ready to run.

        Raises:
            FormatError: there is none.
        """
        found = self._plans.get(batch)
        if found is None:
            tensors = {**self.state_dict(), **self._constants}
            traced = graph_from_json(at_batch(self._record, batch), tensors)
            found = Plan(traced.graph, traced.result, _steps(traced.graph))
            if len(self._plans) >= MOST_GRAPHS:
                self._plans.clear()
            self._plans[batch] = found
        return found

    def _plan_for(self, tensors: list[Tensor]) -> Plan:
        name, wanted = self._record["name"], self._record["arguments"]
        if len(tensors) != len(wanted):
            raise ModuleError(f"{name} takes {len(wanted)} tensors, got {len(tensors)}")
        batch = None
        for place, (x, want) in enumerate(zip(tensors, wanted, strict=True)):
            if x.dtype.name != want["dtype"]:
                hint = f'cast it: x.cast("{want["dtype"]}")'
                fact = f"argument {place} of {name} is {x.dtype}, traced as {want['dtype']}"
                raise DTypeError(fact, hint=hint)
            if batch is None and BATCH in want["shape"] and x.ndim == len(want["shape"]):
                batch = x.shape[want["shape"].index(BATCH)]
            if list(x.shape) != at_batch(want["shape"], 2 if batch is None else batch):
                raise ShapeError(
                    f"argument {place} of {name} is {x.shape}, traced as {_pattern(want['shape'])}"
                )
        try:
            return self.plan(2 if batch is None else batch)
        except FormatError as error:
            raise ShapeError(f"{name} cannot take a batch of {batch}: {error.fact}") from None

    def details(self) -> str:
        """Return the name of what was traced."""
        return repr(self._record["name"])


def trace_module(
    module: Module, example: Sequence[Tensor], names: Mapping[int, str]
) -> list[tuple[dict[str, Any], dict[str, Tensor]]]:
    """Return records of a module's graph, and their large constants, the most general first.

    The module is traced for the example's own sizes, and for three batch sizes; if those differ
    in nothing but sizes that grow with the batch, there is a record for any batch. The batch is
    the first axis of the first tensor and of those that are as long.

    Args:
        module: in evaluation mode.
        example: the tensors to call it with.
        names: the path of each parameter and buffer, by id.

    Raises:
        ModuleError, TraceError: the module cannot be traced, or its graph not be written.
    """
    with no_grad():
        own = graph_to_json(_trace(module, example), names)
        if not example or not example[0].shape:
            return [own]
        try:
            several = [
                graph_to_json(_trace(module, _resized(example, size)), names) for size in BATCHES
            ]
        except Exception:  # the module takes no other batch than its own, and may say so anyhow
            return [own]
    merged = merge_batches(BATCHES, [record for record, _ in several])
    if merged is None or not all(_same_constants(several[0][1], large) for _, large in several):
        return [own]
    return [(merged, several[0][1]), own]


def run(plan: Plan, inputs: Sequence[Tensor]) -> Any:
    """Bind the primitives of a graph again, to its arguments, states and constants in order."""
    graph = plan.graph
    memory: dict[int, Any] = dict(enumerate(inputs))
    for step in plan.steps:
        mode.modules.append(step.module)
        try:
            results = bind(step.primitive, *[memory[i] for i in step.inputs], **step.params)
        finally:
            mode.modules.pop()
        if step.primitive.outputs == 1:
            results = (results,)
        for index, one in zip(step.outputs, results, strict=True):
            if one.shape != graph.values[index].shape:
                said = graph.values[index].shape
                raise FormatError(f"{step.primitive.name} gives {one.shape}, the graph says {said}")
            memory[index] = one
        for index in step.forget:
            memory.pop(index, None)
    return unflatten(plan.result, [memory[value.index] for value in graph.outputs])


def _steps(graph: Graph) -> list[Step]:
    kept = {value.index for value in graph.outputs}
    steps: list[Step] = []
    for node in reversed(graph.nodes):
        inputs = tuple(value.index for value in node.inputs)
        outputs = tuple(value.index for value in node.outputs)
        forget = tuple({*inputs, *outputs} - kept)
        kept.update(inputs, outputs)
        steps.append(
            Step(node.primitive, inputs, node.params, outputs, node.module or "", forget)
        )
    return steps[::-1]


def _trace(module: Module, example: Sequence[Tensor]) -> Traced:
    traced = trace_tree(module, tuple(example), {})
    traced.graph.name = type(module).__name__
    return traced


def _resized(example: Sequence[Tensor], batch: int) -> list[Tensor]:
    """Return tensors like those of the example, but for the batch; they hold nothing."""
    size = example[0].shape[0]
    resized = []
    for x in example:
        shape = (batch, *x.shape[1:]) if x.shape[:1] == (size,) else x.shape
        data = np.broadcast_to(np.zeros((), x.dtype.storage), shape)
        resized.append(Tensor.wrap(data, x.dtype))
    return resized


def _same_constants(one: Mapping[str, Tensor], other: Mapping[str, Tensor]) -> bool:
    return one.keys() == other.keys() and all(
        one[name].spec == other[name].spec
        and one[name].data.tobytes() == other[name].data.tobytes()
        for name in one
    )


def _pattern(shape: list[Any]) -> str:
    sizes = ["batch" if size == BATCH else str(size) for size in shape]
    return f"({', '.join(sizes)}{',' if len(sizes) == 1 else ''})"


def _hang(root: Module, parameters: Mapping[str, Tensor], buffers: Mapping[str, Tensor]) -> None:
    """Give `root` the tensors under their paths, with a part for each step of a path."""
    parts: dict[str, Module] = {"": root}

    def part(path: str, name: str) -> Module:
        if path in parameters or path in buffers:
            raise FormatError(f"tensor {shown(name)}: {shown(path)} is a tensor itself")
        if path not in parts:
            above, _, last = path.rpartition(".")
            owner = part(above, name)
            check(owner, last, name)
            parts[path] = Part()
            setattr(owner, last, parts[path])
        return parts[path]

    def check(owner: Module, last: str, name: str) -> None:
        if not last or last in owner.__dict__:
            raise FormatError(f"tensor {shown(name)} has a name that no module's tensor can have")

    def hang(tensors: Mapping[str, Tensor], put: Callable[[Module, str, Tensor], None]) -> None:
        for name, tensor in tensors.items():
            above, _, last = name.rpartition(".")
            owner = part(above, name)
            check(owner, last, name)
            put(owner, last, tensor)

    hang(parameters, lambda owner, last, x: setattr(owner, last, Parameter(x, False)))
    hang(buffers, lambda owner, last, x: owner.buffer(last, x))
