"""``python -m vo_frontend`` is the command ``vo-frontend``."""

from vo_frontend.cli.main import program

if __name__ == "__main__":
    program()
