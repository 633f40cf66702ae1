"""Ready architectures."""

from rushlight.models.gpt import GPT as GPT
from rushlight.models.recurrent import RecurrentLM as RecurrentLM
