"""``vo-frontend fetch-weights``: files arrive whole and checked, or the user is told in one line."""

import hashlib
import io
from pathlib import Path

import pytest

from vo_frontend.cli.main import main
from vo_frontend.features import weights
from vo_frontend.features.weights import WeightsFile

CONTENT = bytes(range(256)) * 100


@pytest.fixture(autouse=True)
def network(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    """Register small files and serve them; returns the list of what was asked for."""
    asked: list[str] = []

    def urlopen(url: str, timeout: float) -> io.BytesIO:
        asked.append(url)
        return io.BytesIO(CONTENT if "altered" not in url else CONTENT[::-1])

    monkeypatch.setattr("urllib.request.urlopen", urlopen)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("VO_WEIGHTS_DIR", raising=False)
    sha256 = hashlib.sha256(CONTENT).hexdigest()
    files = {
        name: WeightsFile(name, f"https://host/{folder}/{name}.pth", len(CONTENT), sha256)
        for name, folder in (("aliked-t16", "good"), ("alike-t", "good"), ("alike-l", "altered"))
    }
    own = weights.WEIGHTS["vof-t16"]
    monkeypatch.setattr(weights, "WEIGHTS", {**files, "vof-t16": own})
    return asked


def test_the_default_features_go_to_the_cache_where_they_are_found(
    network: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["fetch-weights"]) == 0
    path = tmp_path / "cache" / "vo_frontend" / "weights" / "aliked-t16.pth"
    assert path.read_bytes() == CONTENT
    assert weights.find_local("aliked-t16") == path
    assert main(["fetch-weights", "aliked-t16"]) == 0
    assert len(network) == 1
    assert "already there, checked" in capsys.readouterr().out


def test_several_go_into_a_folder_and_our_own_need_no_fetching(
    network: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["fetch-weights", "aliked-t16", "alike-t", "vof-t16", "--out", str(tmp_path / "w")]) == 0
    assert sorted(path.name for path in (tmp_path / "w").iterdir()) == ["alike-t.pth", "aliked-t16.pth"]
    assert "vof-t16: comes with the package" in capsys.readouterr().out
    assert len(network) == 2


def test_altered_unknown_and_damaged_files_are_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["fetch-weights", "--all", "--out", str(tmp_path / "w")]) == 2
    assert "(altered); try again, nothing was kept" in capsys.readouterr().err
    assert not (tmp_path / "w" / "alike-l.pth").exists()
    assert main(["fetch-weights", "aliked-t61"]) == 2
    assert "unknown name 'aliked-t61', did you mean 'aliked-t16'?" in capsys.readouterr().err
    (tmp_path / "w" / "aliked-t16.pth").write_bytes(b"half")
    assert main(["fetch-weights", "--out", str(tmp_path / "w")]) == 2
    assert "delete the file and fetch it again" in capsys.readouterr().err
