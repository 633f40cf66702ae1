"""Model files of nn-rust (github.com/jean-leonco/nn-rust, before it gave them a magic number).

Little-endian and without a name of its own: a u32 count of sizes and the sizes as u32, from the
input to the output; a u32 count of layers; then for each layer a byte of its kind: 0 dense,
1 sigmoid, 2 ReLU, 3 softmax with cross entropy. After the byte of a dense layer come its inputs,
its outputs and the length of its bias as u32, and as float32 its weights, (inputs, outputs) by
rows, and its bias. Layer i takes size i and gives size i + 1.
"""

import os
import struct
from dataclasses import dataclass

import numpy as np

from rushlight.core.errors import FormatError
from rushlight.core.primitive import Array
from rushlight.formats.png import read_file
from rushlight.nn.activation import ReLU, Sigmoid
from rushlight.nn.containers import Sequential
from rushlight.nn.linear import Linear
from rushlight.nn.module import Module

MAX_BYTES = 2 * 1024**3
MAX_LAYERS = 1000
LATER = b"NNRS"  # what files of its later versions begin with
DENSE, SIGMOID, RELU, SOFTMAX = range(4)


@dataclass(frozen=True, eq=False)
class NNRust:
    """What such a file holds.

    Attributes:
        model: the layers, without the softmax.
        sizes: what each layer takes, and what the last one gives.
        softmax: whether its numbers are scores, of which a softmax makes probabilities.
    """

    model: Sequential
    sizes: tuple[int, ...]
    softmax: bool


def read_nn_rust(path: str | os.PathLike[str]) -> NNRust:
    """Return the network in a model file of nn-rust.

    Raises:
        FormatError: the file cannot be read, breaks a rule of the format, holds NaN or an
            infinity, or no dense layer; the error says where.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = f"{folder}/model"
    ...     with open(path, "wb") as file:
    ...         _ = file.write(struct.pack("<3IIB3I3f", 2, 2, 1, 1, DENSE, 2, 1, 1, 1.0, 2.0, 3.0))
    ...     read_nn_rust(path).sizes
    (2, 1)
    """
    return _Reader(read_file(path, MAX_BYTES), path).network()


def may_be_nn_rust(content: bytes) -> bool:
    """Return whether a file begins as these do, so many sizes, none of them 0; or as later ones.

    >>> may_be_nn_rust(struct.pack("<4I", 2, 784, 10, 1)), may_be_nn_rust(b"a text, no model")
    (True, False)
    """
    if len(content) < 12:
        return False
    count, first, second = struct.unpack_from("<3I", content)
    likely = 2 <= count <= MAX_LAYERS + 1 and first and second
    return bool(likely or content.startswith(LATER))


class _Reader:
    """Reads the bytes from front to back; no length is believed before the bytes are there."""

    def __init__(self, content: bytes, path: str | os.PathLike[str]) -> None:
        self.content = memoryview(content)
        self.path = path
        self.place = 0

    def network(self) -> NNRust:
        if self.content[: len(LATER)] == LATER:
            hint = "save it with a version that writes no NNRS at the beginning"
            raise FormatError("is of a later nn-rust, not read here", path=self.path, hint=hint)
        count = self._number("the count of sizes")
        if not 2 <= count <= MAX_LAYERS + 1:
            raise self._error(f"{count} sizes; a network has 2 to {MAX_LAYERS + 1}", 4)
        sizes = tuple(self._number(f"size {position}") for position in range(count))
        if 0 in sizes:
            raise self._error(f"size {sizes.index(0)} is 0", 4 * (count - sizes.index(0)))
        layers = self._number("the count of layers")
        if layers != count - 1:
            raise self._error(f"{layers} layers for {count} sizes, not {count - 1}", 4)
        found: list[Module] = []
        softmax = False
        for number in range(layers):
            if softmax:
                raise self._error(f"layer {number} comes after the softmax, which is the last")
            layer = self._layer(number, sizes[number], sizes[number + 1])
            softmax = layer is None
            found += [layer] if layer is not None else []
        if self.place < len(self.content):
            left = len(self.content) - self.place
            raise self._error(f"{left} bytes after the last layer")
        if not any(isinstance(layer, Linear) for layer in found):
            raise FormatError("there is no dense layer", path=self.path)
        return NNRust(Sequential(*found), sizes, softmax)

    def _layer(self, number: int, inputs: int, outputs: int) -> Module | None:
        """Return a layer; None for the softmax."""
        (kind,) = self._take(1, f"the kind of layer {number}")
        if kind == DENSE:
            return self._dense(number, inputs, outputs)
        if kind > SOFTMAX:
            raise self._error(f"layer {number} is of kind {kind}, and 0 to 3 are known", 1)
        if inputs != outputs:
            fact = f"layer {number} has no weights and makes {outputs} numbers of {inputs}"
            raise self._error(fact, 1)
        if kind == SOFTMAX:
            return None
        return Sigmoid() if kind == SIGMOID else ReLU()

    def _dense(self, number: int, inputs: int, outputs: int) -> Linear:
        for what, wanted in (("inputs", inputs), ("outputs", outputs), ("biases", outputs)):
            got = self._number(f"the count of {what} of layer {number}")
            if got != wanted:
                raise self._error(f"layer {number} has {got} {what}, not {wanted}", 4)
        weight = self._floats(inputs * outputs, f"the weight of layer {number}")
        bias = self._floats(outputs, f"the bias of layer {number}")
        layer = Linear(inputs, outputs, init="zeros")
        turned = weight.reshape(inputs, outputs).T
        layer.load_state_dict({"weight": turned.copy(), "bias": bias.copy()})
        return layer

    def _number(self, what: str) -> int:
        return int.from_bytes(self._take(4, what), "little")

    def _floats(self, count: int, what: str) -> Array:
        begin = self.place
        values = np.frombuffer(self._take(4 * count, what), "<f4").astype(np.float32, copy=False)
        finite = np.isfinite(values)
        if not finite.all():
            first = int(finite.argmin())
            self.place = begin + 4 * first
            raise self._error(f"{what} has {values[first]} at {first}")
        return values

    def _take(self, size: int, what: str) -> memoryview:
        left = len(self.content) - self.place
        if size > left:
            raise self._error(f"is cut short: {what} needs {size} bytes, {left} are left")
        self.place += size
        return self.content[self.place - size : self.place]

    def _error(self, fact: str, back: int = 0) -> FormatError:
        """Return an error that names the byte that was read last, or so many before it."""
        return FormatError(fact, path=self.path, offset=self.place - back)
