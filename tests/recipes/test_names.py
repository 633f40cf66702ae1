"""The recipe that makes up names: what it learns from, what it writes, and how well it is told."""

import math
from collections import Counter

import pytest

import rushlight as rl
from rushlight.data import names
from rushlight.llm import TextGenerator
from rushlight.recipes import names as recipe


@pytest.fixture(scope="module")
def run():
    return recipe.train(steps=120, progress=False)


def loss_of_pairs():
    """What a letter costs that is told from the one before, by how often pairs came."""
    learn, held = recipe.divide(0)
    pairs, firsts = Counter(), Counter()
    for name in learn:
        for one, other in zip("\n" + name, name + "\n", strict=True):
            pairs[one, other] += 1
            firsts[one] += 1
    letters = len({letter for name in names.load() for letter in name}) + 1
    costs = [
        -math.log((pairs[one, other] + 0.1) / (firsts[one] + 0.1 * letters))
        for name in held
        for one, other in zip("\n" + name, name + "\n", strict=True)
    ]
    return sum(costs) / len(costs)


def test_a_short_training_tells_names_better_than_pairs_of_letters(run):
    assert run.facts["validation_loss"] < loss_of_pairs() - 0.05


def test_what_it_makes_up_is_in_no_list_and_each_once(run):
    made_up = run.facts["sample"].split("\n")
    assert len(made_up) == len(set(made_up)) == recipe.MADE_UP
    assert not set(made_up) & set(names.load())


def test_no_name_is_both_learnt_from_and_validated_on():
    learn, held = recipe.divide(1)
    assert sorted([*learn, *held]) == names.load()
    assert not set(learn) & set(held)
    assert set(held) != set(recipe.divide(0)[1])


def test_the_saved_file_writes_more_names(run, tmp_path):
    path = tmp_path / "names.safetensors"
    rl.save(path, run.model, task=run.task, training=run.facts)
    text = "".join(TextGenerator.load(path).write("\n", 100))
    assert 8 <= text.count("\n") <= 40


def test_the_list_is_in_order_and_in_letters_of_all_keyboards():
    known = names.load()
    assert known == sorted(set(known))
    assert all(name.isascii() and name.isalpha() and name.istitle() for name in known)


@pytest.mark.long
@pytest.mark.timeout(600)
@pytest.mark.parametrize("seed", range(3))
def test_it_reaches_its_figure(seed):
    assert recipe.train(seed=seed, progress=False).facts["validation_loss"] < 2.42
