"""Train and save, in processes that are killed at random moments; then compare with one that lives.

A script of its own, because a process is forked safely only where there is one thread. Arguments:
the folder, the number of kills. Prints after how many kills the checkpoint was readable, how many
kills hit a save, and whether the training that was killed is the one that never was.
"""

import os
import random
import signal
import sys
import time
from pathlib import Path

import numpy as np

import rushlight as rl
from rushlight.data import DataLoader, Dataset
from rushlight.random import default_generator
from rushlight.train.checkpoint import LAST, Training, load

HIDDEN = 1500  # 0.4 MB with Adam's moments: much of the time goes into saving


def make_training():
    rl.manual_seed(2)
    x = np.random.default_rng(0).normal(size=(24, 16)).astype(np.float32)
    model = rl.nn.Sequential(
        rl.nn.Linear(16, HIDDEN),
        rl.nn.BatchNorm(HIDDEN),
        rl.nn.Dropout(0.1),
        rl.nn.Linear(HIDDEN, 2),
    )
    optimizer = rl.optim.Adam(model.parameters(), lr=0.001)
    schedule = rl.optim.ExponentialLR(optimizer, gamma=0.999)
    loader = DataLoader(Dataset(x, (x[:, 0] > 0).astype(np.int64)), 8, shuffle=True)
    return Training(model, optimizer, schedule, loader)


def fit(training, epochs, folder=None):
    rl.fit(
        training.model,
        training.loader,
        loss=rl.nn.functional.cross_entropy,
        optimizer=training.optimizer,
        schedule=training.schedule,
        epochs=epochs,
        checkpoint=folder,
        resume=folder is not None,
        progress=False,
    )


def train_for_ever(folder):
    try:
        fit(make_training(), 1_000_000, folder)
    finally:
        os._exit(1)


def state(training):
    tensors = {name: t.numpy().copy() for name, t in training.tensors().items()}
    return tensors | {"random": default_generator.state.numpy().copy()}


def main(folder, kills):
    moments = random.Random(4)
    fit(make_training(), 1, folder)
    readable, saves_hit, epochs = 0, 0, 1
    for _ in range(kills):
        temps = len(list(folder.iterdir()))
        child = os.fork()
        if child == 0:
            train_for_ever(folder)
        time.sleep(moments.uniform(0.01, 0.06))
        os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        if os.waitstatus_to_exitcode(status) != -signal.SIGKILL:
            sys.exit("training failed before it was killed")
        found = make_training()
        load(folder / LAST, found)
        if len(found.history) < epochs:
            sys.exit("an epoch that was saved is gone")
        epochs = len(found.history)
        readable += 1
        saves_hit += len(list(folder.iterdir())) > temps
    killed = state(found)
    alive = make_training()
    fit(alive, epochs)
    alive = state(alive)
    same = all(np.array_equal(alive[name], values) for name, values in killed.items())
    print(f"readable={readable} saves_hit={saves_hit} epochs={epochs} same={same}")


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
