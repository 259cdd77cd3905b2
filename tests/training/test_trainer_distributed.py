"""Two processes on the CPU, started as a user starts them."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from rank_worker import train_some_steps
from tiny_training import write_images

from vo_frontend.training.engine.distributed import Group, process_group

TINY = ["data.crop_px=64", "objective.num_keypoints=40", "objective.num_random=40", "validation.num_pairs=1",
        "optimization.warmup_steps=0", "workers=1", "device=cpu"]  # fmt: skip
TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]


def torchrun(*arguments: object) -> subprocess.Popen[str]:
    path = f"{Path(__file__).parent}:{os.environ.get('PYTHONPATH', '')}"
    environment = {**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        [*TORCHRUN, *map(str, arguments)],
        env=environment,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def errors_of(process: subprocess.Popen[str]) -> str:
    assert process.stderr is not None
    return process.stderr.read()


def train_command(images: Path, out: Path, *assignments: str) -> list[object]:
    options = [f"--set={assignment}" for assignment in (*TINY, *assignments)]
    return ["-m", "vo_frontend.cli.train", "--images", images, "--out", out, *options]


def test_one_process_is_a_group_that_sends_nothing() -> None:
    with process_group(torch.device("cpu")) as group:
        assert (group.rank, group.size, group.is_leader) == (0, 1, True)
        assert group.any(True)
        assert not group.any(False)
        values = torch.tensor([1.0, 2.0])
        group.average_([values])
        assert values.tolist() == [1, 2]
        assert group.from_leader("value") == "value"


@pytest.mark.skipif(sys.platform != "linux", reason="reads the names of threads from /proc")
def test_a_group_leaves_no_thread_that_outlives_python() -> None:
    code = (
        "import pathlib, torch\n"
        "from vo_frontend.training.engine.distributed import process_group\n"
        "weight = torch.nn.Parameter(torch.ones(1))\n"
        "with process_group(torch.device('cpu')) as group:\n"
        "    optimizer = torch.optim.Adam([weight])\n"
        "    weight.sum().backward()\n"
        "    optimizer.step()\n"
        "    assert group.from_leader(True)\n"
        "names = [each.read_text() for each in pathlib.Path('/proc/self/task').glob('*/comm')]\n"
        "assert not [name for name in names if 'gloo' in name], names\n"
    )
    rendezvous = {"WORLD_SIZE": "1", "RANK": "0", "MASTER_ADDR": "localhost", "MASTER_PORT": "0"}
    subprocess.run([sys.executable, "-c", code], env={**os.environ, **rendezvous}, check=True, timeout=120)


@pytest.mark.slow
def test_two_processes_equal_one_with_twice_the_accumulation(tmp_path: Path) -> None:
    images = write_images(tmp_path / "images")
    process = torchrun(Path(__file__).with_name("rank_worker.py"), images, tmp_path)
    assert process.wait(timeout=300) == 0, errors_of(process)
    first, second = (torch.load(tmp_path / f"{rank}.pt", weights_only=True) for rank in range(2))
    assert (first["rank"], second["rank"]) == (0, 1)
    assert first["any"] == second["any"] == [False, True, True]
    assert first["from_leader"] == second["from_leader"] == "rank 0"
    assert all(torch.equal(first["weights"][name], second["weights"][name]) for name in first["weights"])

    alone = train_some_steps(images, Group(), accumulation=2)
    assert first["num_pairs"] == [record.num_items for record in alone.records] == [2, 2, 2]
    assert first["total"] == pytest.approx([record.total for record in alone.records], rel=1e-4)
    norms = [record.gradient_norm for record in alone.records]
    assert first["gradient_norm"] == pytest.approx(norms, rel=1e-3)
    trained = [name for name in first["weights"] if "running" not in name and "num_batches" not in name]
    for name in trained:  # statistics of batch normalisation are averaged, not chained
        torch.testing.assert_close(first["weights"][name], alone.weights[name], rtol=1e-2, atol=1e-4)


@pytest.mark.slow
def test_the_command_trains_with_two_processes_and_one_of_them_writes(tmp_path: Path) -> None:
    images, out = write_images(tmp_path / "images"), tmp_path / "out"
    process = torchrun(*train_command(images, out, "optimization.steps=2"))
    assert process.wait(timeout=300) == 0, errors_of(process)
    rows = (out / "metrics.csv").read_text().splitlines()
    assert len(rows) == 3
    assert rows[1].split(",")[8] == "4"  # pairs
    assert all(value.isfinite().all() for value in torch.load(out / "weights.pth").values())


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_to_all_processes_as_from_a_terminal_ends_with_a_checkpoint(
    tmp_path: Path, number: int
) -> None:
    images, out = write_images(tmp_path / "images"), tmp_path / "out"
    process = torchrun(*train_command(images, out, "optimization.steps=100000"))
    wait_for_steps(out / "metrics.csv", process)
    os.killpg(process.pid, number)
    process.wait(timeout=120)
    steps_done = len((out / "metrics.csv").read_text().splitlines()) - 1
    assert [path.name for path in out.glob("checkpoint_*.pt")] == [f"checkpoint_{steps_done:08d}.pt"]


def wait_for_steps(metrics: Path, process: subprocess.Popen[str]) -> None:
    deadline_s = time.monotonic() + 120
    while not metrics.exists() or len(metrics.read_text().splitlines()) < 3:
        assert process.poll() is None, errors_of(process)
        assert time.monotonic() < deadline_s
        time.sleep(0.1)
