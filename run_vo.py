"""``vo-frontend run`` from a checkout: ``python run_vo.py --help`` shows how."""

import sys

from vo_frontend.cli.closed_pipe import quietly
from vo_frontend.cli.run import main

if __name__ == "__main__":
    sys.exit(quietly(main))
