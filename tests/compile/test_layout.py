"""The order of axes in memory: what each kernel likes to read, the same for a state's new value."""

import numpy as np

import rushlight as rl
from rushlight.compile.emit.program import compile_graph
from rushlight.compile.fuse import fuse
from rushlight.compile.layout import choose_orders, images, kernels
from rushlight.compile.legalise import legalise
from rushlight.graph.ir import Graph
from rushlight.ops.conv import conv2d
from rushlight.ops.pool import max_pool2d

F = rl.nn.functional


def orders(graph: Graph) -> dict[str, tuple[int, ...]]:
    """Return the orders of values other than row-major, by the name of what makes them."""
    fuser = fuse(legalise(graph))
    found = choose_orders(fuser)
    made = {value: node.primitive.name for value, node in fuser.producer.items()}
    made |= {value: f"state {i}" for i, (_, value) in enumerate(fuser.graph.states)}
    made |= {value: "argument" for value in fuser.graph.arguments}
    return {made[v]: order for v, order in found.items() if order != tuple(range(len(order)))}


def slots(graph: Graph) -> dict[str, tuple[int, ...]]:
    return {f"{slot.role} {slot.index}": slot.order for slot in compile_graph(graph).slots}


def test_channels_of_images_and_outputs_of_their_weights_lie_innermost() -> None:
    w = rl.tensor(np.ones((8, 3, 5, 5), np.float32))

    def function(x: rl.Tensor) -> rl.Tensor:
        return max_pool2d(conv2d(x.tanh(), w).relu(), 2).exp()

    found = orders(rl.trace(function, rl.ones(2, 3, 12, 12)))
    assert found["tanh"] == found["conv2d"] == found["relu"] == found["max_pool2d"] == images(4)
    assert found["exp"] == images(4)
    assert found["state 0"] == kernels(4)


def test_channels_lie_innermost_whatever_the_number_of_axes() -> None:
    def signals(x: rl.Tensor) -> rl.Tensor:
        return F.max_pool1d(F.conv1d(x.tanh(), w).relu(), 2).exp()

    w = rl.tensor(np.ones((8, 3, 5), np.float32))
    found = orders(rl.trace(signals, rl.ones(2, 3, 12)))
    assert found["tanh"] == found["conv1d"] == found["relu"] == images(3) == (0, 2, 1)
    assert found["max_pool2d"] == images(4)
    assert found["state 0"] == kernels(3) == (2, 1, 0)

    def volumes(x: rl.Tensor) -> rl.Tensor:
        return F.conv_transpose3d(x.tanh(), v).exp()

    v = rl.tensor(np.ones((3, 8, 2, 2, 2), np.float32))
    found = orders(rl.trace(volumes, rl.ones(2, 3, 5, 6, 7)))
    assert found["tanh"] == found["conv3d_input"] == found["exp"] == images(5)
    assert found["state 0"] == kernels(5)


def test_one_image_made_a_batch_lies_in_its_own_order() -> None:
    w = rl.tensor(np.ones((8, 3, 5, 5), np.float32))
    found = orders(rl.trace(lambda x: F.conv2d(x.tanh().unsqueeze(0), w), rl.ones(3, 12, 13)))
    assert "tanh" not in found


def test_arguments_lie_as_they_come() -> None:
    graph = rl.trace(conv2d, rl.ones(2, 3, 12, 12), rl.ones(4, 3, 5, 5))
    assert slots(graph)["argument 0"] == slots(graph)["argument 1"] == (0, 1, 2, 3)


def test_a_dense_layer_s_outputs_lie_innermost_in_its_weight_and_all_that_belongs_to_it() -> None:
    layer = rl.nn.Linear(30, 20, bias=False)
    v = rl.tensor(np.zeros((20, 30), np.float32))

    def step(x: rl.Tensor) -> None:
        layer(x).tanh().sum().backward()
        v.assign(v * 0.9 + layer.weight.grad)
        layer.weight.assign(layer.weight - v * 0.1)
        layer.weight.grad = None

    found = slots(rl.trace(step, rl.ones(40, 30)))
    assert found["state 0"] == found["state 1"] == (1, 0)


def test_what_is_turned_and_then_reshaped_lies_so_that_nothing_is_copied() -> None:
    def heads_to_rows(weights: rl.Tensor, values: rl.Tensor) -> rl.Tensor:
        return (weights @ values).swapaxes(1, 2).reshape(2, 5, 3 * 4).exp()

    graph = rl.trace(heads_to_rows, rl.ones(2, 3, 5, 6), rl.ones(2, 3, 6, 4))
    assert orders(graph)["matmul"] == (0, 2, 1, 3)
    assert compile_graph(graph).kernels == 2


def test_a_part_that_is_reshaped_asks_for_nothing() -> None:
    graph = rl.trace(lambda x: x.exp()[:, 1:].swapaxes(0, 1).reshape(6).tanh(), rl.ones(3, 3))
    assert "exp" not in orders(graph)


def test_what_nobody_asks_to_lie_otherwise_lies_in_rows() -> None:
    assert orders(rl.trace(lambda x: (x.exp() + 1.0).sum(0), rl.ones(3, 4))) == {}
