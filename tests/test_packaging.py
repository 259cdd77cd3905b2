"""What an installed package carries besides its modules."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_an_installed_package_carries_sequences_weights_and_the_mark_of_typed_code(tmp_path: Path) -> None:
    command = [sys.executable, "setup.py", "--quiet", "build_py", "--build-lib", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=120)
    package = tmp_path / "vo_frontend"
    built = {path.name for path in (package / "sequences").iterdir()}
    assert built == {path.name for path in (ROOT / "sequences").glob("*.yaml")}
    assert (package / "features" / "own_weights" / "vof-t16.pth").is_file()
    assert (package / "py.typed").is_file()
