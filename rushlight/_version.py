"""The version, in its one place: the build, the command line and model files read it here."""

__version__ = "0.1.0"
