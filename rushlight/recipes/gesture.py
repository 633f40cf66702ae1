"""Gestures of the arm from the accelerometer of a watch: windows that slide over time.

Three convolutions halve the trace and learn shapes of 5, 13 and 29 samples; of each shape only
the strongest occurrence counts, so it does not matter when it happened. Traces are made up, and
the network is tested on wearers that it never saw.
"""

from typing import Annotated, Any

import rushlight as rl
from rushlight.data import DataLoader, gestures
from rushlight.recipes import Run, facts_of

TEST_WEARERS = range(1_000_000, 1_000_010)


def build() -> rl.nn.Sequential:
    """Return the network: traces (n, 3, 128) to scores (n, 7)."""
    return rl.nn.Sequential(
        rl.nn.Conv1d(3, 16, 5, stride=2),  # (n, 16, 62)
        rl.nn.ReLU(),
        rl.nn.Conv1d(16, 24, 5, stride=2),  # (n, 24, 29)
        rl.nn.ReLU(),
        rl.nn.Conv1d(24, 32, 5, stride=2),  # (n, 32, 13)
        rl.nn.ReLU(),
        rl.nn.MaxPool1d(13),  # (n, 32, 1)
        rl.nn.Flatten(),
        rl.nn.Linear(32, len(gestures.GESTURES)),
    )


def build_linear() -> rl.nn.Sequential:
    """Return what the network must beat: each sample weighed by itself."""
    inputs = len(gestures.AXES) * gestures.SAMPLES
    return rl.nn.Sequential(rl.nn.Flatten(), rl.nn.Linear(inputs, len(gestures.GESTURES)))


def train(
    epochs: Annotated[int, "how often each trace is seen"] = 40,
    seed: Annotated[int, "of the traces, the first weights and the order"] = 0,
    network: Annotated[str, "what learns", ("convolutions", "linear")] = "convolutions",
    wearers: Annotated[int, "how many people to learn from; each makes 20 of every gesture"] = 40,
    **options: Any,
) -> Run:
    """Train on 40 wearers, then count what it gets right of 10 others."""
    rl.manual_seed(seed)
    model = build() if network == "convolutions" else build_linear()
    traces = gestures.load(range(wearers), seed=seed)
    loader = DataLoader(traces, batch_size=64, shuffle=True, seed=seed)
    optimizer = rl.optim.Adam(model.parameters(), lr=0.006)
    history = rl.fit(
        model,
        loader,
        loss=rl.nn.functional.cross_entropy,
        optimizer=optimizer,
        schedule=rl.optim.CosineLR(optimizer, max(1, epochs * len(loader))),
        epochs=epochs,
        **options,
    )
    strangers = gestures.load(TEST_WEARERS, seed=seed)
    loss, accuracy = rl.evaluate(model, strangers, rl.nn.functional.cross_entropy)
    facts = facts_of(history, seed=seed, test_loss=loss, test_accuracy=accuracy)
    task = {
        "kind": "signal-classifier",
        "labels": list(gestures.GESTURES),
        "channels": list(gestures.AXES),
        "length": gestures.SAMPLES,
        "rate": gestures.RATE,
    }
    return Run(model, task, facts)
