"""Embedding and EmbeddingBag."""

import numpy as np
import pytest

import rushlight as rl
from rushlight import nn
from rushlight.nn.embedding import bag_of_each

TABLE = np.array([[1.0, 10.0], [2.0, 20.0], [4.0, 40.0]], np.float32)


def with_table(layer):
    layer.weight.assign(TABLE)
    return layer


def test_an_embedding_gives_the_rows_of_its_table():
    layer = with_table(nn.Embedding(3, 2))
    np.testing.assert_array_equal(layer([[2, 0], [1, 1]]).numpy(), TABLE[[[2, 0], [1, 1]]])
    assert layer(np.zeros((0, 4), np.int64)).shape == (0, 4, 2)


def test_a_bag_gives_the_mean_or_the_sum():
    mean, total = with_table(nn.EmbeddingBag(3, 2)), with_table(nn.EmbeddingBag(3, 2, "sum"))
    ids = [[0, 1], [2, 2]]
    assert mean(ids).tolist() == [[1.5, 15.0], [4.0, 40.0]]
    assert total(ids).tolist() == [[3.0, 30.0], [8.0, 80.0]]
    assert mean([0, 1, 2, 2], offsets=[0, 2]).tolist() == mean(ids).tolist()
    assert total([0, 1, 2, 2], offsets=[0, 2]).tolist() == total(ids).tolist()


def test_a_bag_divided_by_the_root_of_its_size_is_between_mean_and_sum():
    layer = with_table(nn.EmbeddingBag(3, 2, "sqrtn"))
    expected = TABLE[[0, 1, 2, 2]].sum(0) / 2
    np.testing.assert_array_equal(layer([[0, 1, 2, 2]]).numpy(), [expected])
    np.testing.assert_array_equal(layer([0, 1, 2, 2], [0]).numpy(), [expected])


@pytest.mark.parametrize("mode", ["mean", "sum", "sqrtn"])
def test_padding_is_in_no_bag(mode):
    padded = with_table(nn.EmbeddingBag(3, 2, mode, padding=1))
    plain = with_table(nn.EmbeddingBag(3, 2, mode))
    expected = [*plain([[0, 2, 2]]).tolist(), *plain([[2, 2, 2]]).tolist(), [0.0, 0.0]]
    rows = [[0, 1, 2, 2, 1], [2, 2, 1, 1, 2], [1, 1, 1, 1, 1]]
    np.testing.assert_allclose(padded(rows).numpy(), expected, rtol=1e-6)
    np.testing.assert_allclose(padded(np.ravel(rows), [0, 5, 10]).numpy(), expected, rtol=1e-6)


def test_the_vector_of_padding_is_zeros_and_learns_nothing():
    rl.manual_seed(0)
    layer = nn.EmbeddingBag(4, 3, padding=2)
    assert layer.weight.tolist()[2] == [0.0, 0.0, 0.0]
    layer([[0, 2], [2, 2]]).sum().backward()
    assert layer.weight.grad.tolist() == [[1.0] * 3, [0.0] * 3, [0.0] * 3, [0.0] * 3]


@pytest.mark.parametrize("mode", ["mean", "sum", "sqrtn"])
def test_an_empty_bag_gives_zeros(mode):
    layer = with_table(nn.EmbeddingBag(3, 2, mode))
    assert layer(np.zeros((2, 0), np.int64)).tolist() == [[0.0, 0.0], [0.0, 0.0]]
    assert layer([1, 2], [0, 0, 1, 2]).tolist() == [[0, 0], [2, 20], [4, 40], [0, 0]]


@pytest.mark.parametrize(
    "options",
    [{}, {"padding": 2}, {"mode": "sqrtn", "padding": 2}],
    ids=["mean", "padding", "sqrtn"],
)
def test_a_traced_bag_equals_an_eager_one(options):
    layer = nn.EmbeddingBag(7, 3, **options)
    ids, offsets = rl.tensor([0, 1, 6, 2, 2, 5]), rl.tensor([0, 0, 4])
    run = rl.compile(layer)
    np.testing.assert_array_equal(run(ids, offsets).numpy(), layer(ids, offsets).numpy())
    np.testing.assert_array_equal(run(ids.reshape(2, 3)).numpy(), layer(ids.reshape(2, 3)).numpy())


@pytest.mark.parametrize(
    ("bags", "total"), [(3, 10), (257, 600), (256, 513), (700, 200), (1, 2000)]
)
@pytest.mark.parametrize("dtype", [np.int32, np.int64])
def test_few_ids_and_many_find_the_bags_that_they_lie_in(bags, total, dtype):
    random = np.random.default_rng(bags)
    starts = np.sort(random.integers(0, total + 1, bags)).astype(dtype)
    starts[0] = 0  # several begin at one place: all but the last of them are empty
    wanted = np.searchsorted(starts, np.arange(total), side="right") - 1
    offsets = rl.tensor(starts)
    np.testing.assert_array_equal(bag_of_each(offsets, total).numpy(), wanted)
    run = rl.compile(lambda offsets: bag_of_each(offsets, total))
    np.testing.assert_array_equal(run(offsets).numpy(), wanted)


def test_many_bags_of_many_ids_are_the_sums_of_their_rows():
    random = np.random.default_rng(0)
    table = random.random((50, 3))
    ids, starts = random.integers(0, 50, 4000), np.sort(random.integers(0, 4001, 120))
    starts[0] = 0
    layer = nn.EmbeddingBag(50, 3, "sum")
    layer.weight.assign(table.astype(np.float32))
    wanted = [rows.sum(0) for rows in np.split(table[ids], starts[1:])]
    for run in (layer, rl.compile(layer)):
        found = run(rl.tensor(ids), rl.tensor(starts)).numpy()
        np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-5)


EMBED, BAG = nn.Embedding(3, 2), nn.EmbeddingBag(3, 2)
MISTAKES = [
    (lambda: EMBED([1.0]), "embedding: indices are integers, not float32", "cast them"),
    (lambda: EMBED([True]), "embedding: indices are integers, not bool", "cast them"),
    (
        lambda: EMBED([0, 5]),
        "embedding: index 5 is outside of 0 to 2",
        "ids up to 5 take a table of 6 rows",
    ),
    (lambda: EMBED([0, -1]), "embedding: index -1 is outside of 0 to 2", "ids are counted from 0"),
    (lambda: BAG([[0, 3]]), "embedding_bag: index 3 is outside of 0 to 2", "ids up to 3 take a"),
    (
        lambda: BAG([0, 1]),
        "embedding_bag: without offsets the ids are (bags, size), not (2,)",
        "ids.unsqueeze(0) is one bag; offsets say where each of several begins",
    ),
    (lambda: BAG(1), "embedding_bag: without offsets the ids are (bags, size), not ()", None),
    (
        lambda: BAG([[0, 1]], [0]),
        "embedding_bag: ids and offsets have one axis each, not (1, 2) and (1,)",
        "ids (bags, size) need no offsets",
    ),
    (lambda: BAG([0, 1], [1]), "embedding_bag: the first offset is 0, where the first bag", None),
    (
        lambda: BAG([0, 1], np.zeros(0, np.int64)),
        "embedding_bag: the first offset is 0, where the first bag begins",
        None,
    ),
    (lambda: BAG([0, 1], [0, 2, 1]), "embedding_bag: offsets rise, but 1 comes after 2", None),
    (lambda: BAG([0], [0, 2]), "embedding_bag: a bag begins at 2, but there are 1 ids", None),
    (lambda: BAG([0], [0.0]), "embedding_bag: offsets are integers, not float32", "cast them"),
    (
        lambda: nn.EmbeddingBag(3, 2, "max"),
        "EmbeddingBag: a bag is made by mean, sum or sqrtn, not 'max'",
        "choose one of mean, sqrtn, sum",
    ),
    (
        lambda: nn.EmbeddingBag(3, 2, padding=3),
        "EmbeddingBag: padding is an id from 0 to 2, not 3",
        None,
    ),
    (lambda: nn.Embedding(0, 2), "Embedding: count must be an int of at least 1, not 0", None),
    (lambda: nn.Embedding(3, 2.0), "Embedding: width must be an int of at least 1, not 2.0", None),
    (
        lambda: nn.Embedding(3, 2, "norml"),
        "Embedding: there is no initialiser 'norml'",
        "did you mean normal?",
    ),
]


@pytest.mark.parametrize(("mistake", "fact", "hint"), MISTAKES, ids=[row[1] for row in MISTAKES])
def test_a_mistake_gets_a_clear_error(mistake, fact, hint):
    with pytest.raises(rl.RushlightError) as caught:
        mistake()
    assert str(caught.value).startswith(fact)
    assert (caught.value.hint or "").startswith(hint or "")
    assert (caught.value.hint is None) == (hint is None)
    assert caught.value.source.startswith("test_embedding.py:")


@pytest.mark.parametrize("offsets", [[1, 2], [0, 3, 2], [0, 9], [-1, 0]])
@pytest.mark.parametrize("ids", [[0, 1, 2, 1], []])
def test_a_traced_bag_refuses_the_offsets_that_an_eager_one_does(ids, offsets):
    run = rl.compile(BAG)
    ids, offsets = rl.tensor(ids, dtype="int64"), rl.tensor(offsets)
    good = [0] * len(offsets)
    assert run(ids, rl.tensor(good)).shape == (len(good), 2)
    for bag in (BAG, run):
        with pytest.raises(rl.BoundsError):
            bag(ids, offsets)


def test_a_traced_bag_refuses_no_offsets():
    with pytest.raises(rl.BoundsError, match="the first offset is 0"):
        rl.compile(BAG)(rl.tensor([0, 1]), rl.tensor([], dtype="int64"))


def test_a_mode_that_is_no_text_is_refused():
    with pytest.raises(rl.ModuleError, match="a bag is made by mean, sum or sqrtn"):
        nn.EmbeddingBag(3, 2, mode=np.ones(2))
