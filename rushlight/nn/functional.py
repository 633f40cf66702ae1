"""The layers' functions, for those who hold their parameters themselves."""

from rushlight.nn.dropout import dropout as dropout
from rushlight.nn.embedding import embedding as embedding
from rushlight.nn.embedding import embedding_bag as embedding_bag
from rushlight.nn.norm import layer_norm as layer_norm
from rushlight.ops.composite import linear as linear
from rushlight.ops.composite import log_softmax as log_softmax
from rushlight.ops.composite import normalize as normalize
from rushlight.ops.composite import softmax as softmax
from rushlight.ops.conv import conv2d as conv2d
from rushlight.ops.elementwise import relu as relu
from rushlight.ops.elementwise import sigmoid as sigmoid
from rushlight.ops.elementwise import tanh as tanh
from rushlight.ops.gather import one_hot as one_hot
from rushlight.ops.losses import cross_entropy as cross_entropy
from rushlight.ops.losses import mse_loss as mse_loss
from rushlight.ops.losses import nll_loss as nll_loss
from rushlight.ops.pool import avg_pool2d as avg_pool2d
from rushlight.ops.pool import max_pool2d as max_pool2d
