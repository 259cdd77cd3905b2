"""A command as a process of its own, and what its end must survive."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
STUCK = """
import sys, threading, time
import cv2, numpy as np
from vo_frontend.cli.program import end_with

image, begun = np.zeros((4000, 4000), np.uint8), threading.Event()

def blur_forever():
    while begun.set() is None:
        cv2.GaussianBlur(image, (31, 31), 0)

def work():
    threading.Thread(target=blur_forever, daemon=True).start()
    begun.wait()
    time.sleep(0.1)
    print("all is written")
    print("as told", file=sys.stderr)
    return 130

end_with(work)
"""


def test_a_thread_inside_a_library_does_not_change_how_a_command_ends() -> None:
    ended = subprocess.run(
        [sys.executable, "-c", STUCK], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert (ended.stdout, ended.stderr) == ("all is written\n", "as told\n")
    assert ended.returncode == 130
