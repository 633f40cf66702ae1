from rushlight.train.bar import make_bar as make_bar
from rushlight.train.checkpoint import load_weights as load_weights
from rushlight.train.fit import fit as fit
from rushlight.train.history import Epoch as Epoch
from rushlight.train.history import History as History
from rushlight.train.metrics import accuracy as accuracy
from rushlight.train.metrics import evaluate as evaluate
from rushlight.train.step import make_step as make_step
