"""Trains for some epochs, from the last checkpoint on, and prints every number that came out.

A script of its own, to be stopped by signals. Arguments: the folder of the checkpoints, how many
seconds to wait at each of the 25 batches of an epoch.
"""

import sys
import time

import numpy as np

import rushlight as rl
from rushlight.data import DataLoader, Dataset
from rushlight.random import default_generator

EPOCHS = 6


def main(folder, wait):
    def slowly(*arrays):
        time.sleep(wait)
        return arrays

    rl.manual_seed(1)
    random = np.random.default_rng(0)
    x = random.normal(size=(200, 4)).astype(np.float32)
    data = Dataset(x, (x[:, 0] > x[:, 1]).astype(np.int64))
    model = rl.nn.Sequential(
        rl.nn.Linear(4, 8), rl.nn.BatchNorm(8), rl.nn.Dropout(0.2), rl.nn.Linear(8, 2)
    )
    optimizer = rl.optim.Adam(model.parameters(), lr=0.01)
    history = rl.fit(
        model,
        DataLoader(data, 8, shuffle=True, transform=slowly),
        loss=rl.nn.functional.cross_entropy,
        optimizer=optimizer,
        epochs=EPOCHS,
        checkpoint=folder,
        resume=True,
    )
    for name, tensor in {**model.state_dict(), **optimizer.state_dict()}.items():
        print(name, tensor.numpy().tobytes().hex())
    print(default_generator.state.tolist())
    print([(epoch.loss, epoch.accuracy) for epoch in history])


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]))
