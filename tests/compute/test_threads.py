"""Threads that share the parts of a computation."""

import threading

import pytest

from vo_frontend.compute.threads import ThreadTeam


@pytest.mark.parametrize("size", [1, 2, 5])
def test_every_part_runs_once_and_all_at_the_same_time(size: int) -> None:
    done: list[tuple[int, int, str]] = []
    meeting = threading.Barrier(size, timeout=10)

    def work(part: int, num_parts: int, text: str) -> None:
        meeting.wait()
        done.append((part, num_parts, text))

    ThreadTeam(size).run(work, "argument")
    assert sorted(done) == [(part, size, "argument") for part in range(size)]


def test_the_first_part_runs_in_the_thread_of_the_caller() -> None:
    threads = {}

    def work(part: int, _: int) -> None:
        threads[part] = threading.current_thread()

    ThreadTeam(2).run(work)
    assert threads[0] is threading.current_thread()
    assert threads[1] is not threading.current_thread()


@pytest.mark.parametrize("failing", [0, 1, 2])
def test_an_error_in_any_part_reaches_the_caller(failing: int) -> None:
    def work(part: int, _: int) -> None:
        if part == failing:
            raise RuntimeError("no memory")

    with pytest.raises(RuntimeError, match="no memory"):
        ThreadTeam(3).run(work)
