"""The digits networks as ONNX models, for ONNX Runtime."""

from collections.abc import Sequence

import numpy as np
from onnx import ModelProto, TensorProto, checker, helper, numpy_helper

import rushlight as rl

OPSET = 17
KINDS = {
    rl.nn.Linear: ("Gemm", {"transB": 1}),
    rl.nn.Conv2d: ("Conv", {}),
    rl.nn.MaxPool2d: ("MaxPool", {"kernel_shape": [2, 2], "strides": [2, 2]}),
    rl.nn.ReLU: ("Relu", {}),
    rl.nn.Flatten: ("Flatten", {}),
}


def onnx_model(model: rl.nn.Sequential, shape: Sequence[int], scores: int) -> ModelProto:
    """Return a network that takes `x` of a shape and gives scores, with the same weights."""
    nodes, weights = [], []
    current = "x"
    layers = [layer for layer in model if not isinstance(layer, rl.nn.Dropout)]
    for place, layer in enumerate(layers):
        kind, attributes = KINDS[type(layer)]
        inputs = [current]
        for name, parameter in layer.named_parameters():
            inputs.append(f"{place}.{name}")
            array = np.ascontiguousarray(parameter.numpy())
            weights.append(numpy_helper.from_array(array, inputs[-1]))
        current = "scores" if place == len(layers) - 1 else f"{place}"
        nodes.append(helper.make_node(kind, inputs, [current], **attributes))
    graph = helper.make_graph(
        nodes,
        "digits",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, list(shape))],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, [shape[0], scores])],
        weights,
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=8)
    checker.check_model(made, full_check=True)
    return made
