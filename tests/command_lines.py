"""What the command line of a run means."""

from vo_frontend.cli.arguments import build_parser
from vo_frontend.cli.run import configuration
from vo_frontend.config import Config
from vo_frontend.session.opened_input import open_input
from vo_frontend.sources.base import FrameSource


def configured(*arguments: str) -> Config:
    return configuration(build_parser().parse_args(list(arguments)))


def opened(*arguments: str) -> FrameSource:
    """Open what the command line names, as ``run_vo.py`` does."""
    return open_input(configured(*arguments).run).source
