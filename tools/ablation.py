"""``vo-frontend ablate`` from a checkout: measures accuracy and ablations, and writes docs/accuracy.md."""

import sys

from vo_frontend.cli.ablation import main

if __name__ == "__main__":
    sys.exit(main())
