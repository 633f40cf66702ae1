"""What decided about a text adds up to the answer, whatever the network."""

import numpy as np
import pytest

import rushlight as rl
from rushlight.core.errors import UsageError
from rushlight.data import BPETokenizer, CharTokenizer, Tokenizer, Vocabulary
from rushlight.train.explain import explain, reasons

TEXTS = ["Win money now!", "Hello friend, see you."]


def bag_of_words(count, labels=2, mode="sum", **options):
    """A network in which each word adds its own part to each score."""
    rl.manual_seed(3)
    bag = rl.nn.EmbeddingBag(count, 4, mode=mode, **options)
    return rl.nn.Sequential(rl.nn.WordDropout(0.5), bag, rl.nn.Linear(4, labels)).eval()


class Reader(rl.nn.Module):
    """A network in which words look at each other."""

    def __init__(self):
        rl.manual_seed(4)
        self.embedding = rl.nn.Embedding(20, 8)
        self.attention = rl.nn.MultiHeadAttention(8, heads=2)
        self.out = rl.nn.Linear(8, 2)

    def forward(self, ids):
        x = self.embedding(ids)
        return self.out((x + self.attention(x)).mean(1))


def margin(model, ids, label):
    """The score of a label above the mean of the others'."""
    scores = model(rl.tensor([ids])).numpy()[0].astype(np.float64)
    return scores[label] - np.delete(scores, label).mean()


@pytest.mark.parametrize("mode", ["sum", "mean", "sqrtn"])
@pytest.mark.parametrize(("labels", "label"), [(2, 0), (2, 1), (5, 3)])
def test_what_words_add_in_a_linear_network_is_the_score_but_for_the_bias(mode, labels, label):
    model, ids = bag_of_words(9, labels, mode), [1, 5, 5, 8]
    found = reasons(model, ids, label)
    bias = model[2].bias.numpy().astype(np.float64)
    own = bias[label] - np.delete(bias, label).mean()
    np.testing.assert_allclose(found.scores.sum(), margin(model, ids, label) - own, rtol=1e-5)
    np.testing.assert_allclose(found.rest, own, rtol=1e-5)
    assert found.attention is None


def test_a_word_of_a_sum_adds_what_the_score_loses_without_it():
    model, ids = bag_of_words(9), [1, 5, 2, 8]
    found = reasons(model, ids, 1)
    for place in range(4):
        without = [*ids[:place], *ids[place + 1 :]]
        change = margin(model, ids, 1) - margin(model, without, 1)
        np.testing.assert_allclose(found.scores[place], change, rtol=1e-4, atol=1e-6)


def test_a_word_that_comes_twice_has_two_parts():
    found = reasons(bag_of_words(9), [5, 1, 5], 1)
    assert found.scores[0] == found.scores[2]


def test_padding_has_no_part():
    scores = reasons(bag_of_words(9, padding=0), [3, 0, 4], 1).scores
    assert scores[1] == 0
    assert np.count_nonzero(scores) == 2


@pytest.mark.parametrize("label", [0, 1])
def test_words_that_look_at_each_other_have_gradients_of_their_own_places(label):
    model, ids = Reader().eval(), [3, 7, 3, 11, 2]
    found = reasons(model, ids, label)
    table = model.embedding.weight.numpy().copy()
    for place, token in enumerate(ids):  # a row of its own, moved a little along itself
        change = []
        for step in (-1e-2, 1e-2):
            moved = table.copy()
            moved[19] = table[token] * (1 + step)
            model.embedding.weight.assign(moved)
            change.append(margin(model, [*ids[:place], 19, *ids[place + 1 :]], label))
        slope = (change[1] - change[0]) / 2e-2
        np.testing.assert_allclose(found.scores[place], slope, rtol=2e-2, atol=2e-4)


def test_attention_is_shared_out_among_the_words():
    model, ids = Reader().eval(), [3, 7, 11]
    attention = reasons(model, ids, 1).attention
    weights = model.attention.weights(model.embedding(rl.tensor([ids]))).numpy()
    np.testing.assert_allclose(attention.sum(), 1, rtol=1e-6)
    np.testing.assert_allclose(attention, weights.mean((0, 1, 2)), rtol=1e-5)


def test_nobody_looks_at_what_is_masked():
    model = rl.models.AttentionClassifier(20, classes=2).eval()
    ids = [3, 0, 11, 0]
    attention = reasons(model, ids, 1).attention
    np.testing.assert_allclose(attention, model.looks([ids]).numpy().mean((0, 1, 2)), rtol=1e-5)
    assert attention[1] == attention[3] == 0
    assert attention[0] > 0


def test_of_a_very_long_text_no_attention_is_told():
    found = reasons(Reader().eval(), [3] * 3000, 1)
    assert found.attention is None
    assert found.scores.shape == (3000,)


def test_nothing_of_the_network_is_changed():
    model = Reader().train()
    model.embedding.freeze()
    before = {name: x.numpy().copy() for name, x in model.state_dict().items()}
    found = reasons(model, [3, 7], 1)
    assert np.count_nonzero(found.scores) == 2
    assert not model.embedding.weight.requires_grad
    assert model.training
    assert all(x.grad is None for x in model.parameters())
    assert all(not layer._hooks for layer in model.modules())
    for name, x in model.state_dict().items():
        np.testing.assert_array_equal(x.numpy(), before[name], err_msg=name)


def test_runs_give_their_words_equal_parts():
    tokenizer = Tokenizer(ngrams=(1, 2), characters=(3, 3))
    vocabulary = Vocabulary.build(TEXTS, tokenizer=tokenizer)
    model = bag_of_words(len(vocabulary))
    why = explain(model, vocabulary, "Win money, Zebra", 1)
    texts = [token.text for token in why.tokens]
    assert texts[:4] == ["win", "money", "zebra", "win money"]
    assert "#<wi" in texts
    assert [word.text for word in why.words] == ["win", "money", "zebra"]
    assert [word.known for word in why.words] == [True, True, False]
    total = sum(token.score for token in why.tokens)
    np.testing.assert_allclose(sum(word.score for word in why.words), total, rtol=1e-9)
    of_win = sum(
        token.score for token in why.tokens if token.text in ("win", "#<wi", "#win", "#in>")
    )
    assert why.words[0].score == pytest.approx(of_win + why.tokens[3].score / 2)


@pytest.mark.parametrize(
    "tokenizer",
    [CharTokenizer.build(TEXTS, specials=("unknown",)), BPETokenizer.build(TEXTS * 3, 300)],
    ids=["characters", "byte pairs"],
)
def test_characters_and_byte_pairs_are_words_too(tokenizer):
    why = explain(bag_of_words(len(tokenizer)), tokenizer, TEXTS[0], 0)
    assert "".join(word.text for word in why.words) == TEXTS[0]
    assert why.words == why.tokens


def test_a_network_without_a_table_is_refused():
    class Counting(rl.nn.Module):
        def __init__(self):
            self.out = rl.nn.Linear(1, 2)

        def forward(self, ids):
            return self.out(ids.cast("float32").sum(1, keepdims=True))

    with pytest.raises(UsageError, match="the network looks no token up in a table"):
        reasons(Counting(), [1, 2], 0)
