"""Loops that are run once where they were asked for twice, and give no more than is read."""

from collections import Counter
from typing import Any

from rushlight.graph.bodies import Body, behind, extracted
from rushlight.graph.ir import Graph, GraphValue, Node
from rushlight.graph.passes.rewrite import Rewriter, Values, uses
from rushlight.graph.scanning import Scan, scan_p


def share_loops(graph: Graph) -> Graph:
    """Return the graph with one loop for two of which the second gives more of the same.

    The gradient of a loop runs it once more and keeps what the way back needs; so the first time
    can keep it. Results by turn that nobody reads are left out.

    >>> import rushlight as rl
    >>> def loss(x):
    ...     return rl.scan(lambda s, y: (s * y, s), rl.tensor(1.0), x)[0]
    >>> graph = rl.trace(rl.value_and_grad(loss), rl.ones(3))
    >>> [node.primitive.name for node in graph.nodes].count("scan")
    3
    >>> [node.primitive.name for node in share_loops(graph).nodes].count("scan")
    2
    """
    return _LoopSharer(graph).run()


class _LoopSharer(Rewriter):
    def __init__(self, graph: Graph) -> None:
        super().__init__(graph)
        self._uses: Counter[GraphValue] = uses(graph)
        self._larger: dict[Any, Node] = {}
        scans = [node for node in graph.nodes if isinstance(node.primitive, Scan)]
        self._often = Counter(_key(one.params, one.params["body"], one.inputs) for one in scans)
        for node in scans:
            if node.params["body"].base is not None:
                self._larger[_key(node.params, node.params["body"].base, node.inputs)] = node
        self._done: dict[Any, Values] = {}

    def change(self, node: Node, inputs: Values) -> Values | None:
        if not isinstance(node.primitive, Scan):
            return None
        body: Body = node.params["body"]
        key = _key(node.params, body, node.inputs)
        known = self._done.get(key)
        if known is not None:
            return known
        larger = self._larger.get(key)
        if larger is not None:
            params = {**node.params, "body": larger.params["body"]}
            made = self.apply_for_all(scan_p(len(larger.outputs)), inputs, params)
            self._done[_key(larger.params, larger.params["body"], larger.inputs)] = made
            return made[: len(node.outputs)]
        if self._often[key] > 1:
            self._done[key] = node.outputs
            return None
        return self._trimmed(node, inputs)

    def _trimmed(self, node: Node, inputs: Values) -> Values | None:
        """Return the results of a loop that gives by turn what is read, and no more."""
        carries = node.params["carries"]
        kept = [i for i, y in enumerate(node.outputs) if i < carries or self._uses[y]]
        if len(kept) == len(node.outputs) or not kept:
            return None
        body, operands = _giving(node.params["body"], carries, tuple(kept))
        counted = node.params["counted"]
        given = (*inputs[:counted], *(inputs[counted + i] for i in operands))
        made = self.apply_for_all(scan_p(len(kept)), given, {**node.params, "body": body})
        now = dict(zip(kept, made, strict=True))
        return tuple(now.get(i, y) for i, y in enumerate(node.outputs))


def _giving(body: Body, carries: int, kept: tuple[int, ...]) -> tuple[Body, list[int]]:
    """Return the body that gives some results of another, and which inputs of that it takes."""
    if kept not in body.derived:
        graph = body.graph
        outputs = [graph.outputs[i] for i in kept]
        read = behind(graph, outputs, [])
        taken = [i for i, value in enumerate(body.inputs) if i < carries or value in read]
        arguments = [value for i, value in enumerate(graph.arguments) if i in taken]
        held = [pair for pair in graph.states if pair[1] in read]
        body.derived[kept] = Body(extracted(graph, arguments, held, outputs)), taken
    found: tuple[Body, list[int]] = body.derived[kept]
    return found


def _key(params: dict[str, Any], body: Body, inputs: Values) -> Any:
    rest = tuple((name, params[name]) for name in sorted(params) if name != "body")
    return id(body), rest, inputs
