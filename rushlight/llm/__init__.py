"""The language-model engine: choosing tokens, and going on with a text."""

from rushlight.llm.decoder import Decoder as Decoder
from rushlight.llm.decoder import generate as generate
from rushlight.llm.sampler import Sampler as Sampler
from rushlight.llm.text import TextGenerator as TextGenerator
from rushlight.llm.text import Writing as Writing
