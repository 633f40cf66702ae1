"""Layers and losses, and what they are tried on: for their gradients, and for their C."""

import math

import numpy as np

from rushlight import nn

ANY = [(), (3,), (0, 3), (2, 3), (2, 1, 4)]
AXES = [*ANY[1:], (1, 1)]
CHANNELS = [(2, 3), (1, 3, 2), (0, 3, 2), (2, 3, 2, 1), (1, 3, 1, 2, 2)]
PAIRED = [(2,), (0, 4), (3, 2), (2, 1, 4), (1, 6)]
SIGNALS = [(2, 3, 4), (1, 3, 2), (3, 3, 5), (2, 3, 3), (1, 3, 7)]
PICTURES = [(2, 3, 2, 2), (1, 3, 1, 2), (3, 3, 2, 3), (2, 3, 4, 1), (1, 3, 3, 3)]
VOLUMES = [(2, 3, 2, 1, 2), (1, 3, 1, 2, 1), (3, 3, 2, 2, 1), (2, 3, 1, 1, 3), (1, 3, 2, 2, 2)]

# layer, shapes of its input, how many derivatives it has
ACTIVATIONS = [
    (nn.ReLU6(), ANY, 1),
    (nn.LeakyReLU(), ANY, 1),
    (nn.PReLU(), ANY, 1),
    (nn.PReLU(3), CHANNELS, 1),
    (nn.ELU(0.7), ANY, 2),
    (nn.SELU(), ANY, 2),
    (nn.CELU(0.7), ANY, 2),
    (nn.GELU(), ANY, 2),
    (nn.GELU("tanh"), ANY, 2),
    (nn.SiLU(), ANY, 2),
    (nn.Mish(), ANY, 2),
    (nn.Hardswish(), ANY, 2),
    (nn.Hardsigmoid(), ANY, 1),
    (nn.Hardtanh(), ANY, 1),
    (nn.Softplus(2.0, 0.5), ANY, 2),
    (nn.Softsign(), ANY, 2),
    (nn.LogSigmoid(), ANY, 2),
    (nn.Tanhshrink(), ANY, 2),
    (nn.Softshrink(), ANY, 1),
    (nn.Hardshrink(), ANY, 1),
    (nn.Threshold(0.1, 7.0), ANY, 1),
    (nn.Softmin(), AXES, 2),
    (nn.GLU(), PAIRED, 2),
]
NORMS = [
    (nn.BatchNorm(3, momentum=None, affine=False), [(2, 3), *SIGNALS], 2),
    (nn.BatchNorm1d(3), [(2, 3), *SIGNALS], 1),
    (nn.BatchNorm2d(3, track_running_stats=False), PICTURES, 2),
    (nn.BatchNorm3d(3), VOLUMES, 1),
    (nn.GroupNorm(1, 3), [*CHANNELS, (1, 3, 4)], 2),
    (nn.GroupNorm(3, 3, affine=False), SIGNALS, 2),
    (nn.InstanceNorm1d(3, affine=True), SIGNALS, 2),
    (nn.InstanceNorm2d(3, track_running_stats=True), PICTURES, 1),
    (nn.InstanceNorm2d(3, affine=True, track_running_stats=True).eval(), PICTURES, 2),
    (nn.InstanceNorm3d(3), VOLUMES, 1),
    (nn.LayerNorm(3, affine=False), [(3,), (2, 3), (0, 3), (2, 4, 3), (1, 1, 3)], 2),
    (nn.LayerNorm(3, bias=False), [(3,), (2, 3), (0, 3), (2, 4, 3), (1, 1, 3)], 1),
    (nn.RMSNorm(3), [(3,), (2, 3), (0, 3), (2, 4, 3), (1, 1, 3)], 2),
    (nn.RMSNorm((2, 3), 1e-3), [(2, 3), (1, 2, 3), (4, 2, 3), (0, 2, 3), (1, 1, 2, 3)], 2),
    (nn.LocalResponseNorm(2, 0.5), CHANNELS, 2),
]
OTHERS = [
    (nn.Dropout1d(0.4), SIGNALS, 2),
    (nn.Dropout2d(0.4), PICTURES, 2),
    (nn.Dropout3d(0.4), VOLUMES, 2),
    (nn.AlphaDropout(0.4), ANY, 2),
    (nn.Unflatten(-1, (1, -1)), [(3,), (2, 3), (2, 3, 2), (1, 1), (0, 4)], 2),
]
STEPS = [(2,), (0, 2), (2, 1, 2), (3, 2), (1, 2)]
TIMES = [(3, 2), (2, 3, 2), (0, 2, 2), (3, 2, 2), (1, 1, 2)]
RECURRENT = [
    (nn.RNNCell(2, 3, nonlinearity="relu"), STEPS, 1),
    (nn.LSTMCell(2, 2), STEPS, 2),
    (nn.GRUCell(2, 2, bias=False), STEPS, 2),
    (nn.RNN(2, 3), TIMES, 2),
    (nn.RNN(2, 1, num_layers=2, nonlinearity="relu", bias=False), TIMES, 1),
    (nn.LSTM(2, 2), TIMES, 2),
    (nn.LSTM(2, 1, num_layers=2, dropout=0.4, bidirectional=True), TIMES, 1),
    (nn.GRU(2, 2, batch_first=False), [(1, 2), *TIMES[:2], *TIMES[3:]], 2),
    (nn.GRU(2, 1, num_layers=2, bidirectional=True), TIMES, 1),
]

SEQUENCES = [(2, 4), (1, 3, 4), (2, 1, 4), (2, 3, 4), (1, 5, 4)]
SHORT = [(2, 2), (1, 3, 2), (2, 1, 2), (2, 3, 2), (1, 1, 2)]
TRANSFORMERS = [
    (nn.MultiHeadAttention(2, 2), SHORT, 2),
    (nn.MultiHeadAttention(4, 2, 1, bias=False, causal=True), SEQUENCES, 1),
    (nn.MultiHeadAttention(2, 1, causal=True, positions=nn.RotaryPositions(2)), SHORT, 1),
    (nn.MultiHeadAttention(2, 2, causal=True, positions=nn.ALiBi(2)), SHORT, 1),
    (nn.RotaryPositions(4), SEQUENCES, 2),
    (nn.RotaryPositions(4, 10.0, halves=True), SEQUENCES, 2),
    (nn.SinusoidalPositions(4), SEQUENCES, 2),
    (nn.LearnedPositions(5, 4), SEQUENCES, 2),
    (nn.ALiBi(2), SEQUENCES, 2),
    (nn.FeedForward(4, 3, "geglu"), SEQUENCES, 1),
    (nn.FeedForward(4, activation="silu", bias=False), SEQUENCES, 1),
    (nn.TransformerEncoderLayer(2, 2, 2, 0.0, "gelu"), SHORT, 1),
    (nn.TransformerEncoderLayer(2, 1, 2, 0.0, "swiglu", True, causal=True), SHORT, 1),
    (nn.TransformerEncoder([nn.TransformerEncoderLayer(2, 1, 1)], nn.RMSNorm(2)), SHORT, 1),
]

# layer, the shapes of its two inputs
PAIRS = [
    (nn.MultiHeadAttention(4, 2, memory=3), [(2, 2, 4), (2, 3, 3)]),
    (nn.TransformerDecoderLayer(2, 1, 2, 0.0, "gelu"), [(1, 2, 2), (1, 3, 2)]),
    (nn.TransformerDecoder([nn.TransformerDecoderLayer(2, 2, 1, 0.0, "silu")]), [(2, 2), (3, 2)]),
    (nn.Bilinear(4, 3, 2), [(5, 4), (5, 3)]),
    (nn.Bilinear(1, 2, 3, bias=False), [(2, 2, 1), (2, 2, 2)]),
    (nn.Bilinear(2, 2, 1), [(2,), (2,)]),
    (nn.CosineSimilarity(), [(5, 4), (5, 4)]),
    (nn.CosineSimilarity(-1), [(3, 1, 4), (2, 4)]),
    (nn.PairwiseDistance(), [(5, 4), (5, 4)]),
    (nn.PairwiseDistance(1.0, keepdims=True), [(5, 4), (4,)]),
    (nn.PairwiseDistance(2.5), [(2, 3), (2, 3)]),
    (nn.PairwiseDistance(math.inf), [(2, 3), (2, 3)]),
]

LABELS, SIGNS = np.array([0, 2, 1, 2]), np.array([1.0, -1.0, 1.0, -1.0])
SHARES = np.array([[0.2, 0.3, 0.5], [0.0, 1.0, 0.0], [0.4, 0.6, 0.0], [0.1, 0.1, 0.8]])
ROWS = (4, 3)
WEIGHT = [0.5, 2.0, 1.5]
SEQUENCES = [np.array([[1, 2], [2, 2], [1, 0]]), np.array([4, 3, 2]), np.array([2, 2, 1])]

# loss and its options, what it takes: shapes of numbers to differentiate by, and given arrays
LOSSES = [
    (nn.CrossEntropyLoss, {"weight": WEIGHT, "label_smoothing": 0.2}, [ROWS, LABELS]),
    (nn.CrossEntropyLoss, {"ignore_index": 2}, [ROWS, LABELS]),
    (nn.CrossEntropyLoss, {"label_smoothing": 0.2}, [ROWS, SHARES]),
    (nn.NLLLoss, {"weight": WEIGHT, "ignore_index": 1}, [ROWS, LABELS]),
    (nn.L1Loss, {}, [ROWS, ROWS]),
    (nn.SmoothL1Loss, {"beta": 0.7}, [ROWS, ROWS]),
    (nn.HuberLoss, {"delta": 0.7}, [ROWS, ROWS]),
    (nn.BCELoss, {"weight": WEIGHT}, [SHARES * 0.9 + 0.05, ROWS]),
    (nn.BCEWithLogitsLoss, {"pos_weight": WEIGHT}, [ROWS, SHARES]),
    (nn.BCEWithLogitsLoss, {"weight": WEIGHT}, [ROWS, ROWS]),
    (nn.KLDivLoss, {}, [ROWS, SHARES]),
    (nn.KLDivLoss, {"log_target": True}, [ROWS, ROWS]),
    (nn.PoissonNLLLoss, {"full": True}, [ROWS, SHARES * 4.0]),
    (nn.PoissonNLLLoss, {"log_input": False}, [SHARES + 0.1, ROWS]),
    (nn.GaussianNLLLoss, {"full": True}, [ROWS, ROWS, SHARES + 0.1]),
    (nn.HingeEmbeddingLoss, {}, [(4,), SIGNS]),
    (nn.SoftMarginLoss, {}, [(4,), SIGNS]),
    (nn.MarginRankingLoss, {"margin": 0.1}, [(4,), (4,), SIGNS]),
    (nn.MultiMarginLoss, {"p": 2, "weight": WEIGHT}, [ROWS, LABELS]),
    (nn.MultiMarginLoss, {}, [ROWS, LABELS]),
    (nn.CosineEmbeddingLoss, {"margin": -0.2}, [ROWS, ROWS, SIGNS]),
    (nn.TripletMarginLoss, {"swap": True}, [ROWS, ROWS, ROWS]),
    (nn.CTCLoss, {}, [(5, 3, 4), *SEQUENCES]),
]
CALLED_BY_OTHERS = {nn.ModuleList, nn.ModuleDict}  # which have no forward of their own
