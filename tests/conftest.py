"""What every test shares: how hypothesis searches."""

import os

from hypothesis import settings

# No deadline, because a busy machine is not a bug. On CI the same examples each time, so that a
# red run is red again; at home new ones, so that more of them are tried.
settings.register_profile("rushlight", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("rushlight")
