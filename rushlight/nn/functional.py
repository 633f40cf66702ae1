"""The layers' functions, for those who hold their parameters themselves."""

from typing import TYPE_CHECKING

from rushlight.core.advice import FUNCTIONAL, missing
from rushlight.nn.containers import unflatten as unflatten
from rushlight.nn.dot_product import (
    scaled_dot_product_attention as scaled_dot_product_attention,
)
from rushlight.nn.dropout import alpha_dropout as alpha_dropout
from rushlight.nn.dropout import channel_dropout as channel_dropout
from rushlight.nn.dropout import dropout as dropout
from rushlight.nn.embedding import embedding as embedding
from rushlight.nn.embedding import embedding_bag as embedding_bag
from rushlight.nn.norm import group_norm as group_norm
from rushlight.nn.norm import layer_norm as layer_norm
from rushlight.nn.norm import local_response_norm as local_response_norm
from rushlight.nn.norm import rms_norm as rms_norm
from rushlight.nn.positions import rotary as rotary
from rushlight.ops.activations import celu as celu
from rushlight.ops.activations import elu as elu
from rushlight.ops.activations import gelu as gelu
from rushlight.ops.activations import glu as glu
from rushlight.ops.activations import hardshrink as hardshrink
from rushlight.ops.activations import hardsigmoid as hardsigmoid
from rushlight.ops.activations import hardswish as hardswish
from rushlight.ops.activations import hardtanh as hardtanh
from rushlight.ops.activations import leaky_relu as leaky_relu
from rushlight.ops.activations import logsigmoid as logsigmoid
from rushlight.ops.activations import mish as mish
from rushlight.ops.activations import prelu as prelu
from rushlight.ops.activations import relu6 as relu6
from rushlight.ops.activations import selu as selu
from rushlight.ops.activations import silu as silu
from rushlight.ops.activations import softmin as softmin
from rushlight.ops.activations import softplus as softplus
from rushlight.ops.activations import softshrink as softshrink
from rushlight.ops.activations import softsign as softsign
from rushlight.ops.activations import tanhshrink as tanhshrink
from rushlight.ops.activations import threshold as threshold
from rushlight.ops.adaptive import adaptive_avg_pool1d as adaptive_avg_pool1d
from rushlight.ops.adaptive import adaptive_avg_pool2d as adaptive_avg_pool2d
from rushlight.ops.adaptive import adaptive_avg_pool3d as adaptive_avg_pool3d
from rushlight.ops.adaptive import adaptive_max_pool1d as adaptive_max_pool1d
from rushlight.ops.adaptive import adaptive_max_pool2d as adaptive_max_pool2d
from rushlight.ops.adaptive import adaptive_max_pool3d as adaptive_max_pool3d
from rushlight.ops.attention import attention as attention
from rushlight.ops.composite import bilinear as bilinear
from rushlight.ops.composite import linear as linear
from rushlight.ops.composite import log_softmax as log_softmax
from rushlight.ops.composite import normalize as normalize
from rushlight.ops.composite import softmax as softmax
from rushlight.ops.conv import conv1d as conv1d
from rushlight.ops.conv import conv2d as conv2d
from rushlight.ops.conv import conv3d as conv3d
from rushlight.ops.conv import conv_transpose1d as conv_transpose1d
from rushlight.ops.conv import conv_transpose2d as conv_transpose2d
from rushlight.ops.conv import conv_transpose3d as conv_transpose3d
from rushlight.ops.ctc import ctc_loss as ctc_loss
from rushlight.ops.elementwise import relu as relu
from rushlight.ops.gather import one_hot as one_hot
from rushlight.ops.losses import binary_cross_entropy as binary_cross_entropy
from rushlight.ops.losses import (
    binary_cross_entropy_with_logits as binary_cross_entropy_with_logits,
)
from rushlight.ops.losses import cross_entropy as cross_entropy
from rushlight.ops.losses import gaussian_nll_loss as gaussian_nll_loss
from rushlight.ops.losses import huber_loss as huber_loss
from rushlight.ops.losses import kl_div as kl_div
from rushlight.ops.losses import l1_loss as l1_loss
from rushlight.ops.losses import l1_penalty as l1_penalty
from rushlight.ops.losses import l2_penalty as l2_penalty
from rushlight.ops.losses import mse_loss as mse_loss
from rushlight.ops.losses import nll_loss as nll_loss
from rushlight.ops.losses import poisson_nll_loss as poisson_nll_loss
from rushlight.ops.losses import smooth_l1_loss as smooth_l1_loss
from rushlight.ops.margins import cosine_embedding_loss as cosine_embedding_loss
from rushlight.ops.margins import cosine_similarity as cosine_similarity
from rushlight.ops.margins import hinge_embedding_loss as hinge_embedding_loss
from rushlight.ops.margins import margin_ranking_loss as margin_ranking_loss
from rushlight.ops.margins import multi_margin_loss as multi_margin_loss
from rushlight.ops.margins import pairwise_distance as pairwise_distance
from rushlight.ops.margins import soft_margin_loss as soft_margin_loss
from rushlight.ops.margins import triplet_margin_loss as triplet_margin_loss
from rushlight.ops.mathematics import sigmoid as sigmoid
from rushlight.ops.mathematics import tanh as tanh
from rushlight.ops.pool import avg_pool1d as avg_pool1d
from rushlight.ops.pool import avg_pool2d as avg_pool2d
from rushlight.ops.pool import avg_pool3d as avg_pool3d
from rushlight.ops.pool import max_pool1d as max_pool1d
from rushlight.ops.pool import max_pool2d as max_pool2d
from rushlight.ops.pool import max_pool3d as max_pool3d
from rushlight.ops.resize import interpolate as interpolate
from rushlight.ops.resize import pixel_shuffle as pixel_shuffle
from rushlight.ops.resize import pixel_unshuffle as pixel_unshuffle

if not TYPE_CHECKING:  # which knows what is missing
    __getattr__ = missing(__name__, FUNCTIONAL)
