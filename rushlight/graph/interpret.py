"""The reference interpreter: a graph run node by node with the primitives' NumPy meaning."""

from collections.abc import Callable
from typing import Any

import numpy as np

from rushlight.core.errors import RushlightError
from rushlight.core.primitive import Array
from rushlight.graph.ir import Graph, Node

Step = tuple[Callable[..., Any], tuple[int, ...], dict[str, Any], tuple[int, ...], tuple[int, ...]]


class Interpreter:
    """A graph made ready to run: for each node what to call, on which slots, what to forget then.

    >>> import rushlight as rl
    >>> graph = rl.trace(lambda x: x * 2.0, rl.ones(2))
    >>> Interpreter(graph).run([np.array([1.0, 5.0], np.float32)])
    [array([ 2., 10.], dtype=float32)]
    """

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self._memory: list[Any] = [None] * len(graph.values)
        for array, value in graph.constants:
            self._memory[value.index] = array
        self._inputs = [v.index for v in graph.arguments]
        self._inputs += [v.index for _, v in graph.states]
        self._inputs += [v.index for _, v in graph.grads]
        self._results = [value.index for value in graph.results()]
        self._steps = self._schedule()

    def _schedule(self) -> list[Step]:
        kept = set(self._results) | {value.index for _, value in self.graph.constants}
        steps: list[Step] = []
        for node in reversed(self.graph.nodes):
            used = {v.index for v in (*node.inputs, *node.outputs)}
            last_use = tuple(used - kept)
            kept |= used
            inputs = tuple(value.index for value in node.inputs)
            outputs = tuple(value.index for value in node.outputs)
            steps.append((node.primitive.numpy, inputs, node.params, outputs, last_use))
        return steps[::-1]

    def run(self, inputs: list[Array]) -> list[Array]:
        """Return the results for the arrays of arguments, states and gradients, in that order.

        Raises RushlightError, with the op and the user's line, for values that an op refuses.
        """
        memory = self._memory.copy()
        for index, array in zip(self._inputs, inputs, strict=True):
            memory[index] = array
        done = 0
        try:
            for done, step in enumerate(self._steps):  # noqa: B007
                function, reads, params, writes, last_use = step
                result = function(*[memory[index] for index in reads], **params)
                if len(writes) == 1:
                    memory[writes[0]] = result if type(result) is np.ndarray else np.asarray(result)
                else:
                    for index, one in zip(writes, result, strict=True):
                        memory[index] = np.asarray(one)
                for index in last_use:
                    memory[index] = None
        except (RushlightError, ValueError) as error:
            explained = _at_node(error, self.graph.nodes[done])
        else:
            return [memory[index] for index in self._results]
        raise explained from None


def _at_node(error: Exception, node: Node) -> RushlightError:
    """Return the error with the place in the graph where it happened."""
    explained = error if isinstance(error, RushlightError) else RushlightError(str(error))
    explained.op = node.op or node.primitive.name
    explained.source = node.source
    explained.module = node.module
    explained.operands = [(label, str(x.spec)) for label, x in node.primitive.labelled(node.inputs)]
    return explained
