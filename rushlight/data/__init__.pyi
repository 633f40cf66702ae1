from rushlight.data import mnist as mnist
from rushlight.data import shakespeare as shakespeare
from rushlight.data import sms as sms
from rushlight.data.loader import DataLoader as DataLoader
from rushlight.data.loader import Dataset as Dataset
from rushlight.data.loader import split as split
from rushlight.data.text import Vocabulary as Vocabulary
from rushlight.data.text import tokenize as tokenize
