"""What is done although something before it failed."""

import pytest

from vo_frontend.errors import OutputError
from vo_frontend.session.failures import Attempts, first_failure


def fail(message: str) -> None:
    raise OutputError(message)


def test_the_first_file_that_cannot_be_written_is_the_one_that_is_named(
    caplog: pytest.LogCaptureFixture,
) -> None:
    failure = first_failure(None, lambda: None)
    assert failure is None
    for name in ("metrics.json", "trajectory.png"):
        failure = first_failure(failure, lambda name=name: fail(f"{name}: disk full"))  # type: ignore[misc]
    assert str(failure) == "metrics.json: disk full"
    assert caplog.messages == ["trajectory.png: disk full"]


def test_every_step_is_taken_and_the_first_failure_raised() -> None:
    attempt, done = Attempts(), list[str]()
    for name in ("a", "b", "c"):
        attempt(lambda name=name: done.append(name))  # type: ignore[misc]
        attempt(lambda name=name: fail(name))  # type: ignore[misc]
    assert done == ["a", "b", "c"]
    with pytest.raises(OutputError, match="^a$"):
        attempt.raise_first()
    Attempts().raise_first()
