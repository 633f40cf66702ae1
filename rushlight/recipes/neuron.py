"""A network of plain Python neurons, and the same network in tensors beside it.

Nothing but numbers, lists and loops: a neuron weighs its inputs and bends the sum, a layer is
neurons side by side, a network layers one after another. Each sample flows forward, its error
flows back, and every weight moves a little against its share of the error.
"""

import itertools
import math
import random
from collections.abc import Sequence
from typing import Annotated, Any

import rushlight as rl
from rushlight.recipes import Run

TASKS = {
    "xor": ([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]], [[0.0], [1.0], [1.0], [0.0]]),
    "curve": (
        [[x / 10.0] for x in range(-10, 11)],
        [[0.5 * x / 10.0 + 0.3 * (x / 10.0) ** 2] for x in range(-10, 11)],
    ),
}


class Neuron:
    """Weighs its inputs, adds a bias, and bends the sum with tanh unless it is linear."""

    def __init__(self, weights: Sequence[float], bias: float, linear: bool) -> None:
        self.weights = list(weights)
        self.bias = bias
        self.linear = linear

    def forward(self, inputs: Sequence[float]) -> float:
        """Return the output, and remember what the way back needs."""
        if len(inputs) != len(self.weights):
            raise rl.ShapeError(f"a neuron of {len(self.weights)} inputs got {len(inputs)}")
        self.inputs = list(inputs)
        total = self.bias
        for weight, value in zip(self.weights, inputs, strict=True):
            total += weight * value
        self.output = total if self.linear else math.tanh(total)
        return self.output

    def backward(self, slope: float, lr: float) -> list[float]:
        """Given d error / d output, move the weights; return d error / d each input."""
        if not self.linear:
            slope *= 1.0 - self.output * self.output
        to_inputs = [slope * weight for weight in self.weights]  # by the weights before they move
        for position, value in enumerate(self.inputs):
            self.weights[position] -= lr * slope * value
        self.bias -= lr * slope
        return to_inputs


class Layer:
    """Neurons side by side: each sees all inputs."""

    def __init__(self, neurons: Sequence[Neuron]) -> None:
        self.neurons = list(neurons)

    def forward(self, inputs: Sequence[float]) -> list[float]:
        """Return every neuron's output."""
        return [neuron.forward(inputs) for neuron in self.neurons]

    def backward(self, slopes: Sequence[float], lr: float) -> list[float]:
        """Send the slopes back through every neuron; return the sum for each input."""
        each = [n.backward(slope, lr) for n, slope in zip(self.neurons, slopes, strict=True)]
        return [sum(column) for column in zip(*each, strict=True)]


class NeuralNetwork:
    """Layers one after another, of the sizes given; the last one is linear.

    >>> network = NeuralNetwork([2, 3, 1], seed=0)
    >>> len(network.forward([0.0, 1.0]))
    1
    """

    def __init__(self, sizes: Sequence[int], seed: int = 0) -> None:
        if len(sizes) < 2 or min(sizes) < 1:
            raise rl.UsageError(f"a network needs two sizes or more, all at least 1, not {sizes}")
        draw = random.Random(seed)
        self.layers = []
        for depth, (inputs, outputs) in enumerate(itertools.pairwise(sizes)):
            bound = 1.0 / math.sqrt(inputs)
            last = depth == len(sizes) - 2
            neurons = [
                Neuron([draw.uniform(-bound, bound) for _ in range(inputs)], 0.0, linear=last)
                for _ in range(outputs)
            ]
            self.layers.append(Layer(neurons))

    def forward(self, inputs: Sequence[float]) -> list[float]:
        """Return the outputs for one sample."""
        values = list(inputs)
        for layer in self.layers:
            values = layer.forward(values)
        return values

    def learn(self, inputs: Sequence[float], targets: Sequence[float], lr: float) -> float:
        """Go forward and back for one sample; return its mean squared error before the change."""
        outputs = self.forward(inputs)
        if len(targets) != len(outputs):
            raise rl.ShapeError(f"{len(outputs)} outputs, but {len(targets)} targets")
        gaps = [output - target for output, target in zip(outputs, targets, strict=True)]
        slopes = [2.0 * gap / len(gaps) for gap in gaps]
        for layer in reversed(self.layers):
            slopes = layer.backward(slopes, lr)
        return sum(gap * gap for gap in gaps) / len(gaps)

    def train(
        self,
        inputs: Sequence[Sequence[float]],
        targets: Sequence[Sequence[float]],
        epochs: int,
        lr: float,
        every: int = 0,
    ) -> list[float]:
        """Learn every sample in turn; return each epoch's mean error, printed every so often."""
        if len(inputs) != len(targets) or not inputs:
            raise rl.DataError(f"{len(inputs)} inputs and {len(targets)} targets")
        errors = []
        for epoch in range(1, epochs + 1):
            total = 0.0
            for sample, target in zip(inputs, targets, strict=True):
                total += self.learn(sample, target, lr)
            errors.append(total / len(inputs))
            if not math.isfinite(errors[-1]):
                raise _not_finite(f"the error is {errors[-1]} in epoch {epoch}")
            if every and (epoch % every == 0 or epoch == 1):
                print(f"Epoch {epoch}: Error = {errors[-1]:.6f}")
        return errors


def _not_finite(fact: str) -> rl.TrainingError:
    return rl.TrainingError(fact, hint="try a smaller lr")


def in_tensors(network: NeuralNetwork) -> rl.nn.Sequential:
    """Return the same network in float64 tensors, with the weights as they are now."""
    layers: list[rl.nn.Module] = []
    for layer in network.layers:
        linear = rl.nn.Linear(len(layer.neurons[0].weights), len(layer.neurons)).cast("float64")
        linear.weight.assign(rl.tensor([n.weights for n in layer.neurons], dtype="float64"))
        linear.bias.assign(rl.tensor([n.bias for n in layer.neurons], dtype="float64"))
        layers += [linear] if layer.neurons[0].linear else [linear, rl.nn.Tanh()]
    return rl.nn.Sequential(*layers)


def train_tensors(
    model: rl.nn.Module,
    inputs: Sequence[Sequence[float]],
    targets: Sequence[Sequence[float]],
    epochs: int,
    lr: float,
) -> list[float]:
    """Do with tensors what `NeuralNetwork.train` does with loops; return each epoch's error."""
    optimizer = rl.optim.SGD(model.parameters(), lr=lr)
    xs = [rl.tensor(sample, dtype="float64") for sample in inputs]
    ts = [rl.tensor(target, dtype="float64") for target in targets]

    @rl.compile
    def learn(x: Any, target: Any) -> Any:
        loss = rl.nn.functional.mse_loss(model(x), target)
        optimizer.backward_step(loss)
        return loss

    return [
        sum(learn(x, t).item() for x, t in zip(xs, ts, strict=True)) / len(xs)
        for _ in range(epochs)
    ]


def train(
    epochs: Annotated[int, "how often each sample is seen"] = 1000,
    seed: Annotated[int, "of the first weights"] = 0,
    task: Annotated[str, "what to learn", tuple(TASKS)] = "xor",
    hidden: Annotated[int, "neurons in each hidden layer"] = 4,
    depth: Annotated[int, "hidden layers"] = 1,
    lr: Annotated[float, "learning rate"] = 0.05,
    progress: bool = True,
) -> Run:
    """Train the plain network and its twin in tensors, and say how far apart they end."""
    inputs, targets = TASKS[task]
    network = NeuralNetwork([len(inputs[0]), *[hidden] * depth, len(targets[0])], seed)
    twin = in_tensors(network)
    every = max(1, epochs // 10) if progress else 0
    errors = network.train(inputs, targets, epochs, lr, every)
    train_tensors(twin, inputs, targets, epochs, lr)
    same = in_tensors(network).state_dict()
    apart = max(abs(t - same[name]).max().item() for name, t in twin.state_dict().items())
    if progress:
        print(f"plain Python and tensors end {apart:.1e} apart")
    if not math.isfinite(apart):
        raise _not_finite("the weights are no longer finite")
    facts = {"epochs": epochs, "seed": seed, "error": errors[-1], "apart": apart}
    return Run(twin, {"kind": "regressor", "inputs": len(inputs[0])}, facts)
