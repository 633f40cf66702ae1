"""Ready architectures."""

from rushlight.models.classifier import AttentionClassifier as AttentionClassifier
from rushlight.models.gpt import GPT as GPT
from rushlight.models.recurrent import RecurrentLM as RecurrentLM
