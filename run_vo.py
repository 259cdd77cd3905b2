"""``vo-frontend run`` from a checkout: ``python run_vo.py --help`` shows how."""

from vo_frontend.cli.program import end_with
from vo_frontend.cli.run import main

if __name__ == "__main__":
    end_with(main)
