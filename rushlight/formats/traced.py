"""Modules that are traced graphs: how a model file keeps a module whose class it cannot name."""

from collections.abc import Mapping, Sequence
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
MAX_PARTS = 64  # of a tensor's path
MOST_GRAPHS = 8  # one for each batch size; forgotten when there are more


class Place:
    """Where in the traced module a node came from, for errors and for graphs traced anew."""

    def __init__(self, path: str) -> None:
        self.path = path

    def path_in(self, outer: Any) -> str:
        """Return the path, whatever module is around."""
        return self.path


class Step(NamedTuple):
    """One node made ready to run: what to bind, on which values, which to forget afterwards."""

    primitive: Primitive
    inputs: tuple[int, ...]
    params: dict[str, Any]
    outputs: tuple[int, ...]
    place: Place
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

    __slots__ = ("_constants", "_plans", "_record")

    _record: dict[str, Any]  # the graph as JSON, for any batch size where it has one
    _constants: dict[str, Tensor]  # those that are tensors of the file
    _plans: dict[int, Plan]

    @property
    def arguments(self) -> dict[str, Any]:
        return {"name": self._record["name"]}

    def forward(self, *inputs: Any) -> Any:
        tensors = [as_tensor(x) for x in inputs]
        batch = _batch_of(self._record, tensors)
        own = self.state_dict()
        states = [own[name] for name in self._record["states"]]
        try:
            plan = self._plan(batch, own)
        except FormatError as error:
            fact = f"{self._record['name']} cannot take a batch of {batch}: {error.fact}"
            raise ShapeError(fact) from None
        constants = [x for x, _ in plan.graph.states[len(states) :]]
        return run(plan, [*tensors, *states, *constants])

    def _plan(self, batch: int, own: Mapping[str, Tensor]) -> Plan:
        """Return the graph for a batch size and the state as it is, made ready to run."""
        found = self._plans.get(batch)
        if found is None or not _holds(found, [own[name] for name in self._record["states"]]):
            tensors = {**own, **self._constants}
            traced = graph_from_json(at_batch(self._record, batch), tensors)
            found = Plan(traced.graph, traced.result, _steps(traced.graph))
            if len(self._plans) >= MOST_GRAPHS:
                self._plans.clear()
            self._plans[batch] = found
        return found


def traced_module(
    record: Any,
    parameters: Mapping[str, Tensor],
    buffers: Mapping[str, Tensor],
    constants: Mapping[str, Tensor],
) -> TracedModule:
    """Return the module for a graph's record and the tensors that it names.

    Raises:
        FormatError: the record is none, or names do not fit each other.
    """
    module = TracedModule()
    module._record, module._constants, module._plans = record, dict(constants), {}
    _hang(module, parameters, buffers)
    module._plan(BATCHES[0], module.state_dict())
    for place, one in enumerate(record["arguments"]):
        for size in one["shape"]:
            if size != BATCH and type(size) is not int:
                raise FormatError(f"argument {place}: {brief(size)} is no size of an axis")
    return module


def record_of(module: TracedModule) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Return the graph of a traced module as JSON, and those of its constants that are tensors."""
    return module._record, module._constants


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
        mode.modules.append(step.place)
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


def _holds(plan: Plan, states: Sequence[Tensor]) -> bool:
    """Return whether the states are still of the shapes and dtypes that a plan was made for."""
    pairs = zip(states, plan.graph.states, strict=False)  # constants follow the states
    return all(tensor.spec == value.spec for tensor, (_, value) in pairs)


def _steps(graph: Graph) -> list[Step]:
    kept = {value.index for value in graph.outputs}
    steps: list[Step] = []
    for node in reversed(graph.nodes):
        inputs = tuple(value.index for value in node.inputs)
        outputs = tuple(value.index for value in node.outputs)
        forget = tuple({*inputs, *outputs} - kept)
        kept.update(inputs, outputs)
        place = Place(node.module or "")
        steps.append(Step(node.primitive, inputs, node.params, outputs, place, forget))
    return steps[::-1]


def _batch_of(record: dict[str, Any], tensors: Sequence[Tensor]) -> int:
    """Return the size of the batch; any where no shape depends on it.

    Raises:
        ModuleError, DTypeError, ShapeError: these are not the tensors that the graph takes.
    """
    name, wanted = record["name"], record["arguments"]
    if len(tensors) != len(wanted):
        raise ModuleError(f"{name} takes {len(wanted)} tensors, got {len(tensors)}")
    batch = None
    for place, (x, want) in enumerate(zip(tensors, wanted, strict=True)):
        shape = want["shape"]
        if x.dtype.name != want["dtype"]:
            fact = f"argument {place} of {name} is {x.dtype}, traced as {want['dtype']}"
            raise DTypeError(fact, hint=f'cast it: x.cast("{want["dtype"]}")')
        if batch is None and BATCH in shape and x.ndim == len(shape):
            batch = x.shape[shape.index(BATCH)]
        if list(x.shape) != at_batch(shape, batch or 0):
            fact = f"argument {place} of {name} is {x.shape}, traced as {_pattern(shape)}"
            raise ShapeError(fact)
    return BATCHES[0] if batch is None else batch


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
    for name, tensor in {**parameters, **buffers}.items():
        *above, last = name.split(".")
        if not all((*above, last)):
            raise FormatError(f"tensor {shown(name)} has an empty step in its path")
        if len(above) > MAX_PARTS:
            raise FormatError(f"tensor {shown(name)} lies more than {MAX_PARTS} modules deep")
        path = ""
        for step in above:
            owner = parts[path]
            path = f"{path}.{step}" if path else step
            if path in parameters or path in buffers:
                raise FormatError(f"tensor {shown(name)}: {shown(path)} is a tensor itself")
            if path not in parts:
                _check_free(owner, step, name)
                parts[path] = Part()
                setattr(owner, step, parts[path])
        _check_free(parts[path], last, name)
        if name in parameters:
            setattr(parts[path], last, Parameter(tensor, requires_grad=False))
        else:
            parts[path].buffer(last, tensor)


def _check_free(owner: Module, name: str, path: str) -> None:
    if hasattr(owner, name):
        raise FormatError(f"tensor {shown(path)} has a name that no module's tensor can have")
