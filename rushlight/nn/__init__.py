"""Layers, containers, losses and initialisers."""

from rushlight.nn import functional as functional
from rushlight.nn import init as init
from rushlight.nn.activation import LogSoftmax as LogSoftmax
from rushlight.nn.activation import ReLU as ReLU
from rushlight.nn.activation import Sigmoid as Sigmoid
from rushlight.nn.activation import Softmax as Softmax
from rushlight.nn.activation import Tanh as Tanh
from rushlight.nn.containers import Sequential as Sequential
from rushlight.nn.dropout import Dropout as Dropout
from rushlight.nn.linear import Linear as Linear
from rushlight.nn.losses import CrossEntropyLoss as CrossEntropyLoss
from rushlight.nn.losses import MSELoss as MSELoss
from rushlight.nn.losses import NLLLoss as NLLLoss
from rushlight.nn.module import Module as Module
from rushlight.nn.module import Parameter as Parameter
from rushlight.nn.norm import BatchNorm as BatchNorm
from rushlight.nn.norm import LayerNorm as LayerNorm
