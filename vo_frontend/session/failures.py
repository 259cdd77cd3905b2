"""What is done although something before it failed, and which failure is told in the end: the first."""

import logging
from collections.abc import Callable

from vo_frontend.errors import OutputError, VoError

log = logging.getLogger(__name__)


def first_failure(before: VoError | None, write: Callable[[], None]) -> VoError | None:
    """Write results; what cannot be written stays as it was, and the report goes on.

    Returns:
        ``before``, else what has failed now. A later failure is logged: usually the disk is still full.
    """
    try:
        write()
    except OutputError as error:
        if before is None:
            return error
        log.warning("%s", error)
    return before


class Attempts:
    """Takes steps that must all be taken, such as closing files, and keeps the first failure."""

    def __init__(self) -> None:
        self.first: BaseException | None = None

    def __call__(self, step: Callable[[], None]) -> None:
        """Take a step."""
        try:
            step()
        except BaseException as error:  # kept, and raised in the end
            self.first = self.first or error

    def raise_first(self) -> None:
        """Raise what failed first, if anything did."""
        if self.first is not None:
            raise self.first
