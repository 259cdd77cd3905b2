"""Measure accuracy and ablations, and write docs/accuracy.md: see --help."""

import sys

from vo_frontend.cli.ablation import main

if __name__ == "__main__":
    sys.exit(main())
