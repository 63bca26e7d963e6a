"""`python -m quorate`."""

import sys

from quorate.cli.main import program

sys.exit(program())
