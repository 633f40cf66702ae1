"""Optimisers, learning-rate schedules, gradient clipping and averages of weights."""

from rushlight.optim.adafactor import Adafactor as Adafactor
from rushlight.optim.adagrad import Adadelta as Adadelta
from rushlight.optim.adagrad import Adagrad as Adagrad
from rushlight.optim.adam import Adam as Adam
from rushlight.optim.adam import AdamW as AdamW
from rushlight.optim.clip import clip_grad_norm as clip_grad_norm
from rushlight.optim.groups import Group as Group
from rushlight.optim.lion import Lion as Lion
from rushlight.optim.moments import Adamax as Adamax
from rushlight.optim.moments import NAdam as NAdam
from rushlight.optim.moments import RAdam as RAdam
from rushlight.optim.optimizer import Optimizer as Optimizer
from rushlight.optim.rmsprop import RMSprop as RMSprop
from rushlight.optim.rprop import Rprop as Rprop
from rushlight.optim.schedule import ConstantLR as ConstantLR
from rushlight.optim.schedule import CosineLR as CosineLR
from rushlight.optim.schedule import ExponentialLR as ExponentialLR
from rushlight.optim.schedule import Schedule as Schedule
from rushlight.optim.schedule import StepLR as StepLR
from rushlight.optim.sgd import SGD as SGD
