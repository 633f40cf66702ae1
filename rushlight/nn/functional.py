"""The layers' functions, for those who hold their parameters themselves."""

from rushlight.nn.norm import layer_norm as layer_norm
from rushlight.ops.composite import cross_entropy as cross_entropy
from rushlight.ops.composite import embedding_bag as embedding_bag
from rushlight.ops.composite import linear as linear
from rushlight.ops.composite import log_softmax as log_softmax
from rushlight.ops.composite import mse_loss as mse_loss
from rushlight.ops.composite import nll_loss as nll_loss
from rushlight.ops.composite import normalize as normalize
from rushlight.ops.composite import softmax as softmax
