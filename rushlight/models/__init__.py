"""Ready architectures."""

from rushlight.models.gpt import GPT as GPT
