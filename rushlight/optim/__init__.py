"""Optimisers, learning-rate schedules, gradient clipping and averages of weights."""

from typing import TYPE_CHECKING

from rushlight.core.advice import OPTIM, missing
from rushlight.optim.adafactor import Adafactor as Adafactor
from rushlight.optim.adagrad import Adadelta as Adadelta
from rushlight.optim.adagrad import Adagrad as Adagrad
from rushlight.optim.adam import Adam as Adam
from rushlight.optim.adam import AdamW as AdamW
from rushlight.optim.asgd import ASGD as ASGD
from rushlight.optim.average import EMA as EMA
from rushlight.optim.average import SWA as SWA
from rushlight.optim.average import Average as Average
from rushlight.optim.clip import clip_grad_norm as clip_grad_norm
from rushlight.optim.clip import clip_grad_value as clip_grad_value
from rushlight.optim.compose import ChainedLR as ChainedLR
from rushlight.optim.compose import SequentialLR as SequentialLR
from rushlight.optim.compose import warmup as warmup
from rushlight.optim.cycles import CosineRestartsLR as CosineRestartsLR
from rushlight.optim.cycles import CyclicLR as CyclicLR
from rushlight.optim.cycles import OneCycleLR as OneCycleLR
from rushlight.optim.groups import Group as Group
from rushlight.optim.lbfgs import LBFGS as LBFGS
from rushlight.optim.lion import Lion as Lion
from rushlight.optim.moments import Adamax as Adamax
from rushlight.optim.moments import NAdam as NAdam
from rushlight.optim.moments import RAdam as RAdam
from rushlight.optim.optimizer import Optimizer as Optimizer
from rushlight.optim.plateau import PlateauLR as PlateauLR
from rushlight.optim.rmsprop import RMSprop as RMSprop
from rushlight.optim.rprop import Rprop as Rprop
from rushlight.optim.schedule import ConstantLR as ConstantLR
from rushlight.optim.schedule import CosineLR as CosineLR
from rushlight.optim.schedule import ExponentialLR as ExponentialLR
from rushlight.optim.schedule import InverseSquareRootLR as InverseSquareRootLR
from rushlight.optim.schedule import LambdaLR as LambdaLR
from rushlight.optim.schedule import LinearLR as LinearLR
from rushlight.optim.schedule import MultiStepLR as MultiStepLR
from rushlight.optim.schedule import PolynomialLR as PolynomialLR
from rushlight.optim.schedule import Schedule as Schedule
from rushlight.optim.schedule import StepLR as StepLR
from rushlight.optim.sgd import SGD as SGD

if not TYPE_CHECKING:  # which knows what is missing
    __getattr__ = missing(__name__, OPTIM)
