from rushlight.tensor import *
from rushlight.ops.elementwise import *
