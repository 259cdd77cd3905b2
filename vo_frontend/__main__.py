"""``python -m vo_frontend`` is the command ``vo-frontend``."""

import sys

from vo_frontend.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
