"""`python -m rushlight`: the command line."""

import sys

try:
    from rushlight.cli.main import main

    code = main()
except KeyboardInterrupt:  # before or after `main` could see to it
    code = 130
sys.exit(code)
