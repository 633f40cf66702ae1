"""Traced graphs as plain JSON: primitives by their names in the registry, state by its path.

Values are numbered: arguments, states, constants, then the results of the nodes in order. What is
traced at several batch sizes can be merged into one record for any batch: a size that grows with
it is written `{"batch": 1, "plus": 0}`. The body of a loop or of a choice is a param, and written
as a graph is.
"""

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from rushlight.core.errors import FormatError, ModuleError, did_you_mean
from rushlight.core.mode import mode
from rushlight.core.primitive import PRIMITIVES, Array, Primitive, Spec
from rushlight.core.shapes import size_of
from rushlight.formats.plain import brief, decode, dtype_of, encode, fields
from rushlight.formats.safetensors_header import MAX_RANK, shown
from rushlight.graph.bodies import Body, Held
from rushlight.graph.choices import branch_p
from rushlight.graph.ir import Graph, GraphValue, Node
from rushlight.graph.scanning import scan_p
from rushlight.graph.trace import Traced
from rushlight.tensor import Tensor
from rushlight.tree import Leaf

MAX_ELEMENTS = 2**31  # of one value of a graph; a file that asks for more is refused
MAX_AXIS = 2**26
MAX_TURNS = 2**31  # of the innermost of loops within loops
INLINE_ELEMENTS = 16  # larger constants are tensors of the file, if elements differ

_FIELDS = ("name", "arguments", "states", "constants", "nodes", "result")
_BODY_FIELDS = ("name", "arguments", "captured", "constants", "nodes", "results")
_NESTED: dict[str, Callable[[int], Primitive]] = {"scan": scan_p, "cond": branch_p}
_NESTED_PARAMS: dict[str, dict[str, type]] = {
    "scan": {"body": Body, "carries": int, "length": int, "reverse": bool, "counted": bool},
    "cond": {"bodies": tuple},
}


def graph_to_json(
    traced: Traced, names: Mapping[int, str]
) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Return a traced function as JSON, and the constants that are too large for it, by name.

    Captured tensors that have a name are states; others become constants, as they are now.

    Args:
        traced: what `trace_tree` gave.
        names: the path of each named tensor, by id.

    Raises:
        ModuleError: the function changes a tensor or a gradient, or has a result or a parameter
            that JSON cannot say.
    """
    graph = traced.graph
    _check_pure(graph, names)
    named = [(x, value) for x, value in graph.states if id(x) in names]
    unnamed = [(x, value) for x, value in graph.states if id(x) not in names]
    constants = [(Tensor.wrap(array, v.dtype), v) for array, v in graph.constants] + unnamed
    order = [*graph.arguments, *(v for _, v in (*named, *constants))]
    order += [v for node in graph.nodes for v in node.outputs]
    number = {id(value): place for place, value in enumerate(order)}
    large = _Large({}, set(names.values()))
    record = {
        "name": graph.name,
        "arguments": [_spec_to_json(value.spec) for value in graph.arguments],
        "states": [names[id(x)] for x, _ in named],
        "constants": [_constant_to_json(x, large) for x, _ in constants],
        "nodes": _nodes_to_json(graph, number, large),
        "result": _result_to_json(traced.result, iter(graph.outputs), number),
    }
    return record, large.tensors


def graph_from_json(record: Any, tensors: Mapping[str, Tensor]) -> Traced:
    """Return the graph of a record without batch sizes, with the states and constants given.

    Raises:
        FormatError: the record is none that `graph_to_json` writes, names a tensor that is not
            there, or breaks the rule of a primitive.
    """
    _, arguments, states, constants, nodes, result = fields(record, "the graph", *_FIELDS)
    graph = Graph(_text(record["name"], "the graph's name"))
    for place, one in enumerate(_list(arguments, "the arguments")):
        graph.arguments.append(graph.new_value(_spec(one, f"argument {place}")))
    for place, name in enumerate(_list(states, "the states")):
        tensor = _stored(name, tensors, f"state {place}")
        graph.states.append((tensor, graph.new_value(tensor.spec)))
    for place, one in enumerate(_list(constants, "the constants")):
        tensor = _constant(one, tensors, f"constant {place}")
        graph.states.append((tensor, graph.new_value(tensor.spec)))
    for place, one in enumerate(_list(nodes, "the nodes")):
        _add_node(graph, one, tensors, f"node {place}")
    tree = _result(result, graph)
    return Traced(graph, tree)


def constant_names(record: Any) -> list[str]:
    """Return the names of the constants that a graph's record expects as tensors of the file."""
    if isinstance(record, list):
        return [name for one in record for name in constant_names(one)]
    if not isinstance(record, dict):
        return []
    constants = record.get("constants")
    if not isinstance(constants, list):
        inner = ("nodes", "params", "body", "bodies")
        return [name for one in inner for name in constant_names(record.get(one))]
    names = [one.get("tensor") for one in constants if isinstance(one, dict)]
    own = [name for name in names if isinstance(name, str)]
    return [*own, *constant_names(record.get("nodes"))]


def merge_batches(sizes: tuple[int, int, int], records: list[Any]) -> Any:
    """Return one record for any batch from those of three batch sizes; None if there is none.

    Integers may differ if they grow with the batch in a straight line; nothing else may.

    >>> merge_batches((2, 3, 5), [[2, 8], [3, 8], [5, 8]])
    [{'batch': 1, 'plus': 0}, 8]
    """
    try:
        return _merge(sizes, *records)
    except ModuleError:
        return None


def at_batch(record: Any, batch: int) -> Any:
    """Return the record for one batch size.

    >>> at_batch([{"batch": 2, "plus": 1}, 8], 10)
    [21, 8]
    """
    if isinstance(record, list):
        return [at_batch(one, batch) for one in record]
    if not isinstance(record, dict):
        return record
    if record.keys() == {"batch", "plus"}:
        step, more = record["batch"], record["plus"]
        if type(step) is int and type(more) is int:
            return step * batch + more
    return {name: at_batch(one, batch) for name, one in record.items()}


def _check_pure(graph: Graph, names: Mapping[int, str]) -> None:
    for x, _ in (*graph.updates, *graph.grads, *graph.grad_updates):
        name = names.get(id(x))
        random = name is None and x.name == "random"
        what = "draws random numbers" if random else f"changes {name or x.name or 'a tensor'}"
        hint = "ask self.training before it does that"
        raise ModuleError(f"forward {what} in evaluation mode, which no file can hold", hint=hint)


def _spec_to_json(spec: Spec) -> dict[str, Any]:
    return {"dtype": spec.dtype.name, "shape": list(spec.shape)}


@dataclass
class _Large:
    """Constants that are to be tensors of the file, and the names that others have."""

    tensors: dict[str, Tensor]
    taken: set[str]


def _nodes_to_json(graph: Graph, number: Mapping[int, int], large: _Large) -> list[Any]:
    def inner(value: Any, name: str) -> Any:
        if not isinstance(value, Body):
            return encode(value, name)
        return {"body": _body_to_json(value, large)}

    def params(node: Node) -> dict[str, Any]:
        if node.primitive.name == "while_loop":
            fact = "forward has a while_loop, which no file can hold: it may never end"
            raise ModuleError(fact, hint="use rl.scan with a length, and count= for fewer turns")
        return {name: encode(value, name, inner) for name, value in node.params.items()}

    return [
        {
            "op": node.primitive.name,
            "inputs": [number[id(value)] for value in node.inputs],
            "params": params(node),
            "module": node.module or "",
        }
        for node in graph.nodes
    ]


def _body_to_json(body: Body, large: _Large) -> dict[str, Any]:
    graph = body.graph
    order = [*body.inputs, *(value for _, value in graph.constants)]
    order += [value for node in graph.nodes for value in node.outputs]
    number = {id(value): place for place, value in enumerate(order)}
    constants = [Tensor.wrap(array, value.dtype) for array, value in graph.constants]
    return {
        "name": graph.name,
        "arguments": [_spec_to_json(spec) for spec in body.arguments],
        "captured": [_spec_to_json(spec) for spec in body.held],
        "constants": [_constant_to_json(x, large) for x in constants],
        "nodes": _nodes_to_json(graph, number, large),
        "results": [number[id(value)] for value in graph.outputs],
    }


def _constant_to_json(x: Tensor, large: _Large) -> dict[str, Any]:
    array = mode.evaluator.read(x, "saving a model")
    if not x.dtype.is_half and np.isfinite(array).all():
        values = array.reshape(-1)
        if array.size > INLINE_ELEMENTS and values.tobytes() == values[:1].tobytes() * array.size:
            values = values[:1]
        if values.size <= INLINE_ELEMENTS:
            return {**_spec_to_json(x.spec), "values": values.tolist()}
    name = f"constant.{len(large.tensors)}"
    while name in large.taken:
        name = f"_{name}"
    large.tensors[name] = x
    return {"tensor": name}


def _result_to_json(tree: Any, outputs: Iterable[GraphValue], number: dict[int, int]) -> Any:
    if isinstance(tree, Leaf):
        return {"value": number[id(next(iter(outputs)))]}
    if isinstance(tree, dict) and all(isinstance(key, str) for key in tree):
        return {"dict": {k: _result_to_json(one, outputs, number) for k, one in tree.items()}}
    if isinstance(tree, (list, tuple)):
        kind = "list" if isinstance(tree, list) else "tuple"
        return {kind: [_result_to_json(one, outputs, number) for one in tree]}
    return encode(tree, "the result of forward")


def _merge(sizes: tuple[int, int, int], a: Any, b: Any, c: Any) -> Any:
    if type(a) is not type(b) or type(a) is not type(c):
        raise ModuleError("kinds differ")
    if isinstance(a, list) and len(a) == len(b) == len(c):
        return [_merge(sizes, *three) for three in zip(a, b, c, strict=True)]
    if isinstance(a, dict) and a.keys() == b.keys() == c.keys():
        return {name: _merge(sizes, a[name], b[name], c[name]) for name in a}
    if repr(a) == repr(b) == repr(c):
        return a
    if type(a) is not int:
        raise ModuleError("values differ")
    step, left = divmod(b - a, sizes[1] - sizes[0])
    if left or c - a != step * (sizes[2] - sizes[0]):
        raise ModuleError("sizes do not grow in a straight line")
    return {"batch": step, "plus": a - step * sizes[0]}


def _add_node(graph: Graph, record: Any, tensors: Mapping[str, Tensor], where: str) -> None:
    op, inputs, params, module = fields(record, where, "op", "inputs", "params", "module")
    if not isinstance(op, str) or op not in {**PRIMITIVES, **_NESTED}:
        hint = did_you_mean(op, PRIMITIVES) if isinstance(op, str) else None
        raise FormatError(f"{where}: there is no primitive {brief(op)}", hint=hint)
    where = f"{where} ({op})"
    values = tuple(_value(graph, one, where) for one in _list(inputs, f"{where}: inputs"))
    if not isinstance(params, dict):
        raise FormatError(f"{where}: params are {brief(params)}, no object")
    primitive, decoded = _primitive(op, params, tensors, where)
    try:
        outputs = graph.add(primitive, values, decoded, None, _text(module, where) or None)
    except FormatError:
        raise
    except Exception as error:  # a rule that is given nonsense may raise anything
        fact = str(error).partition("\n")[0]
        raise FormatError(f"{where}: {fact or type(error).__name__}") from error
    for value in outputs:
        _check_shape(value.shape, where)


def _primitive(
    op: str, params: dict[str, Any], tensors: Mapping[str, Tensor], where: str
) -> tuple[Primitive, dict[str, Any]]:
    """Return a primitive, and its params as they are read from a file."""
    if op not in _NESTED:
        decoded = {k: decode(v, f"{where}: {shown(k)[1:-1]}") for k, v in params.items()}
        _check_params(PRIMITIVES[op], decoded, where)
        return PRIMITIVES[op], decoded

    def body(value: Any, where: str) -> Body:
        (inner,) = fields(value, where, "body")
        return _body(inner, tensors, where)

    kinds = _NESTED_PARAMS[op]
    fields(params, f"{where}: params", *kinds)
    decoded = {k: decode(v, f"{where}: {k}", body) for k, v in params.items()}
    for name, kind in kinds.items():
        if type(decoded[name]) is not kind:
            raise FormatError(f"{where}: {name} is {brief(params[name])}, no {kind.__name__}")
    if op == "scan":
        bodies = (decoded["body"],)
        _check_shape((decoded["length"],), where)
        most = min(len(decoded["body"].arguments), len(decoded["body"].results))
        if not 0 <= decoded["carries"] <= most:
            raise FormatError(f"{where}: its body cannot carry {brief(decoded['carries'])} states")
        if decoded["length"] * _turns(decoded["body"]) > MAX_TURNS:
            raise FormatError(f"{where}: loops within loops turn {MAX_TURNS:,} times at most")
    else:
        bodies = decoded["bodies"]
        if len(bodies) != 2 or not all(isinstance(one, Body) for one in bodies):
            raise FormatError(f"{where}: bodies are {brief(params['bodies'])}, no two bodies")
    results = len(bodies[0].results)
    if not results:
        raise FormatError(f"{where}: its body has no results")
    return _NESTED[op](results), decoded


def _turns(body: Body) -> int:
    """Return how often the innermost loop of a body turns while the body runs once."""
    most = 1
    for node in body.graph.nodes:
        if node.primitive.name in _NESTED:
            inner = node.params.get("bodies") or (node.params["body"],)
            most = max(most, node.params.get("length", 1) * max(map(_turns, inner)))
    return most


def _body(record: Any, tensors: Mapping[str, Tensor], where: str) -> Body:
    """Return the body of a loop or of a choice."""
    name, *lists = fields(record, where, *_BODY_FIELDS)
    graph = Graph(_text(name, f"{where}: the name"))
    arguments, captured, constants, nodes, results = (
        _list(one, f"{where}: {title}") for one, title in zip(lists, _BODY_FIELDS[1:], strict=True)
    )
    for place, one in enumerate(arguments):
        graph.arguments.append(graph.new_value(_spec(one, f"{where}: argument {place}")))
    for place, one in enumerate(captured):
        value = graph.new_value(_spec(one, f"{where}: captured {place}"))
        graph.states.append((Held(), value))
    for place, one in enumerate(constants):
        tensor = _constant(one, tensors, f"{where}: constant {place}")
        graph.constants.append((tensor.data, graph.new_value(tensor.spec)))
    for place, one in enumerate(nodes):
        _add_node(graph, one, tensors, f"{where}: node {place}")
    graph.outputs = [_value(graph, one, f"{where}: results") for one in results]
    return Body(graph)


def _check_params(primitive: Primitive, params: dict[str, Any], where: str) -> None:
    """Refuse params of other names or kinds than those of the primitive's own samples.

    NumPy's functions take arguments, such as `out`, that no file may hand to them.
    """
    samples = [sample.params for sample in primitive.samples()]
    for name in samples[0]:
        if name not in params:
            raise FormatError(f"{where}: {name} is missing")
    for name, value in params.items():
        if name not in samples[0]:
            raise FormatError(f"{where}: {shown(name)} is none of its params")
        kinds = set().union(*(_kinds(sample[name]) for sample in samples))
        if not _is_small(value):
            raise FormatError(f"{where}: {name} is {brief(value)}, beyond all sizes")
        if not _kinds(value) <= kinds | ({"int"} if "float" in kinds else set()):
            raise FormatError(f"{where}: {name} is {brief(value)}, not made of {_listed(kinds)}")


def _is_small(value: Any) -> bool:
    """Return whether the integers in a param are ones that NumPy can count with."""
    if isinstance(value, tuple):
        return all(map(_is_small, value))
    return not isinstance(value, int) or abs(value) <= MAX_ELEMENTS


def _kinds(value: Any) -> set[str]:
    if isinstance(value, tuple):
        return set().union(*map(_kinds, value))
    return {type(value).__name__}


def _listed(kinds: set[str]) -> str:
    return " and ".join(f"{kind}s" for kind in sorted(kinds)) or "anything"


def _result(record: Any, graph: Graph) -> Any:
    """Return the tree of the result with a mark for each tensor, which becomes an output."""

    def walk(part: Any, where: str) -> Any:
        if isinstance(part, dict) and len(part) == 1:
            tag, inner = next(iter(part.items()))
            if tag == "value":
                graph.outputs.append(_value(graph, inner, where))
                return Leaf()
            if tag in ("list", "tuple"):
                made = [walk(one, where) for one in _list(inner, where)]
                return made if tag == "list" else tuple(made)
            if tag == "dict" and isinstance(inner, dict):
                return {name: walk(one, where) for name, one in inner.items()}
        return decode(part, where)

    return walk(record, "the result")


def _value(graph: Graph, number: Any, where: str) -> GraphValue:
    if type(number) is not int or not 0 <= number < len(graph.values):
        made = len(graph.values)
        raise FormatError(f"{where}: there is no value {brief(number)}; {made} are made by then")
    return graph.values[number]


def _stored(name: Any, tensors: Mapping[str, Tensor], where: str) -> Tensor:
    if not isinstance(name, str) or name not in tensors:
        raise FormatError(f"{where}: the file holds no tensor {brief(name)}")
    return tensors[name]


def _constant(record: Any, tensors: Mapping[str, Tensor], where: str) -> Tensor:
    if isinstance(record, dict) and "tensor" in record:
        (name,) = fields(record, where, "tensor")
        return _stored(name, tensors, where)
    _, _, values = fields(record, where, "dtype", "shape", "values")
    spec = _spec({name: record[name] for name in ("dtype", "shape")}, where)
    if len(_list(values, where)) not in (1, size_of(spec.shape)):
        raise FormatError(f"{where}: {len(values)} values do not fill {list(spec.shape)}")
    if spec.dtype.is_half or not all(_holds(spec, one) for one in values):
        raise FormatError(f"{where}: {brief(values)} are no {spec.dtype} values")
    array: Array = np.array(values, spec.dtype.storage)
    filled = len(values) == size_of(spec.shape)
    array = array.reshape(spec.shape) if filled else np.broadcast_to(array, spec.shape)
    return Tensor.wrap(array, spec.dtype)


def _holds(spec: Spec, value: Any) -> bool:
    """Return whether a number read from a file is one of a dtype, exactly."""
    if spec.dtype.kind == "bool":
        return isinstance(value, bool)
    if spec.dtype.kind == "float":
        largest = float(np.finfo(spec.dtype.storage).max)
        return isinstance(value, float) and abs(value) <= largest
    info = np.iinfo(spec.dtype.storage)
    return type(value) is int and info.min <= value <= info.max


def _spec(record: Any, where: str) -> Spec:
    dtype, shape = fields(record, where, "dtype", "shape")
    sizes = tuple(_list(shape, f"{where}: shape"))
    if len(sizes) > MAX_RANK:
        raise FormatError(f"{where}: {len(sizes)} axes, more than {MAX_RANK}")
    _check_shape(sizes, where)
    return Spec(sizes, dtype_of(dtype, where))


def _check_shape(shape: tuple[Any, ...], where: str) -> None:
    for size in shape:
        if type(size) is not int or not 0 <= size <= MAX_AXIS:
            raise FormatError(f"{where}: {brief(size)} is no size of an axis, 0 to {MAX_AXIS:,}")
    if math.prod(shape) > MAX_ELEMENTS:
        raise FormatError(
            f"{where}: {shape} is too large; a value has {MAX_ELEMENTS:,} elements at most"
        )


def _list(value: Any, where: str) -> list[Any]:
    if not isinstance(value, list):
        raise FormatError(f"{where}: {brief(value)} is no list")
    return value


def _text(value: Any, where: str) -> str:
    if not isinstance(value, str):
        raise FormatError(f"{where}: {brief(value)} is no text")
    return value
