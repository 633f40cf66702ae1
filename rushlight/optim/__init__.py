"""Optimisers, learning-rate schedules and gradient clipping."""

from rushlight.optim.adam import Adam as Adam
from rushlight.optim.adam import AdamW as AdamW
from rushlight.optim.clip import clip_grad_norm as clip_grad_norm
from rushlight.optim.optimizer import Optimizer as Optimizer
from rushlight.optim.schedule import ConstantLR as ConstantLR
from rushlight.optim.schedule import CosineLR as CosineLR
from rushlight.optim.schedule import ExponentialLR as ExponentialLR
from rushlight.optim.schedule import Schedule as Schedule
from rushlight.optim.schedule import StepLR as StepLR
from rushlight.optim.sgd import SGD as SGD
