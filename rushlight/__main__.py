"""`python -m rushlight`: the command line."""

import sys

from rushlight.cli.main import main

sys.exit(main())
