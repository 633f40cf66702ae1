"""Model files of nn-rust, written byte by byte as its encoder does, and what they compute."""

import struct
from itertools import pairwise

import numpy as np

DENSE, SIGMOID, RELU, SOFTMAX = range(4)


def numbers(*values):
    return struct.pack(f"<{len(values)}I", *values)


def dense(weight, bias):
    """The bytes of a dense layer; the weight is (inputs, outputs)."""
    weight, bias = np.asarray(weight, "<f4"), np.asarray(bias, "<f4")
    rows, columns = weight.shape
    return bytes([DENSE]) + numbers(rows, columns, len(bias)) + weight.tobytes() + bias.tobytes()


def file_of(sizes, layers):
    """The bytes of a file: a layer is its bytes, or its kind where it has nothing more."""
    parts = [layer if isinstance(layer, bytes) else bytes([layer]) for layer in layers]
    return numbers(len(sizes), *sizes, len(parts)) + b"".join(parts)


def network(*sizes, activation=RELU, softmax=True, seed=0):
    """Dense layers with an activation in between: the bytes, and the layers as arrays."""
    random = np.random.default_rng(seed)
    all_sizes, layers, arrays = [sizes[0]], [], []
    for number, (inputs, outputs) in enumerate(pairwise(sizes)):
        weight = random.standard_normal((inputs, outputs)).astype(np.float32) / inputs**0.5
        bias = random.standard_normal(outputs).astype(np.float32)
        arrays.append((weight, bias))
        layers.append(dense(weight, bias))
        all_sizes.append(outputs)
        if number < len(sizes) - 2:
            layers.append(activation)
            all_sizes.append(outputs)
    if softmax:
        layers.append(SOFTMAX)
        all_sizes.append(sizes[-1])
    return file_of(all_sizes, layers), arrays


def forward(x, arrays, activation=RELU):
    """The scores that nn-rust computes: x W + b, with the activation in between."""
    for number, (weight, bias) in enumerate(arrays):
        x = x @ weight + bias
        if number < len(arrays) - 1:
            x = np.maximum(x, 0) if activation == RELU else 1 / (1 + np.exp(-x))
    return x


def softmax_of(scores):
    shares = np.exp(scores - scores.max(-1, keepdims=True))
    return shares / shares.sum(-1, keepdims=True)
