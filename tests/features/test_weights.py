import hashlib
import http.server
import socket
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from feature_inputs import random_network

from vo_frontend.errors import WeightsError
from vo_frontend.features import weights
from vo_frontend.features.loading import load_extractor, load_trained_weights, make_network
from vo_frontend.features.weights import WeightsFile, find_local, find_or_download, read_verified

CONTENT = bytes(range(256)) * 1000


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[list[bytes]]:
    """Serve one registered file from this machine; yields the mutable list [body that is sent]."""
    body = [CONTENT]

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path != "/aliked-t16.pth":
                self.send_error(404)
                return
            self.send_response(200)
            self.send_header("Content-Length", str(len(CONTENT)))
            self.end_headers()
            self.wfile.write(body[0])

        def log_message(self, *arguments: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}/aliked-t16.pth"
    register(monkeypatch, url)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("VO_WEIGHTS_DIR", raising=False)
    yield body
    server.shutdown()
    server.server_close()


def register(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    file = WeightsFile("aliked-t16", url, len(CONTENT), hashlib.sha256(CONTENT).hexdigest())
    monkeypatch.setitem(weights.WEIGHTS, "aliked-t16", file)


def left_over(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def one_line(error: pytest.ExceptionInfo[WeightsError]) -> str:
    assert "\n" not in str(error.value)
    return str(error.value)


def test_a_download_is_checked_kept_and_reported(served: list[bytes], tmp_path: Path) -> None:
    progress: list[tuple[str, int, int]] = []
    path = find_or_download("aliked-t16", report=lambda *step: progress.append(step))
    assert path == tmp_path / "cache" / "vo_frontend" / "weights" / "aliked-t16.pth"
    assert path.read_bytes() == CONTENT
    assert left_over(tmp_path) == [path]
    assert progress[-1] == ("aliked-t16.pth", len(CONTENT), len(CONTENT))
    served[0] = b"gone"
    assert find_or_download("aliked-t16") == path


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        (CONTENT[:1000], "got 1000 bytes, expected 256000 (truncated"),
        (b"", "got 0 bytes, expected 256000 (truncated"),
        (b"X" + CONTENT[1:], "(altered)"),
    ],
)
def test_a_damaged_download_is_one_line_and_leaves_nothing(
    served: list[bytes], tmp_path: Path, body: bytes, complaint: str
) -> None:
    served[0] = body
    with pytest.raises(WeightsError) as error:
        find_or_download("aliked-t16")
    assert complaint in one_line(error) or "cannot download" in one_line(error)
    assert left_over(tmp_path) == []


def test_a_missing_page_is_one_line(
    served: list[bytes], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    register(monkeypatch, weights.WEIGHTS["aliked-t16"].url.replace("t16", "gone"))
    with pytest.raises(WeightsError, match="Not Found") as error:
        find_or_download("aliked-t16")
    one_line(error)
    assert left_over(tmp_path) == []


def test_no_network_names_every_place_that_was_looked_into(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        register(monkeypatch, f"http://127.0.0.1:{unused.getsockname()[1]}/aliked-t16.pth")
        explicit, from_environment = tmp_path / "explicit", tmp_path / "environment"
        explicit.mkdir()
        monkeypatch.setenv("VO_WEIGHTS_DIR", str(from_environment))
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
        with pytest.raises(WeightsError, match="cannot download") as error:
            find_or_download("aliked-t16", explicit)
    line = one_line(error)
    for place in (explicit, from_environment, tmp_path / "cache", "--weights-dir"):
        assert str(place) in line
    assert left_over(tmp_path) == []


def test_an_unwritable_cache_is_one_line_that_says_what_to_do(
    served: list[bytes], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with pytest.raises(WeightsError, match="cannot write there") as error:
        find_or_download("aliked-t16")
    assert "XDG_CACHE_HOME" in one_line(error)
    assert "--weights-dir" in one_line(error)


def test_an_interrupted_download_leaves_nothing(served: list[bytes], tmp_path: Path) -> None:
    def interrupt(*step: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        find_or_download("aliked-t16", report=interrupt)
    assert left_over(tmp_path) == []


def test_folders_are_searched_in_order(
    served: list[bytes], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    folders = [tmp_path / name for name in ("explicit", "environment", "cache/vo_frontend/weights")]
    monkeypatch.setenv("VO_WEIGHTS_DIR", str(folders[1]))
    folders[0].mkdir()
    assert find_local("aliked-t16", folders[0]) is None
    for folder in reversed(folders):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "aliked-t16.pth").write_bytes(CONTENT)
        assert find_local("aliked-t16", folders[0]) == folder / "aliked-t16.pth"


@pytest.mark.parametrize("content", [CONTENT[:-1], b"X" + CONTENT[1:]])
def test_a_damaged_file_on_disk_is_never_loaded(served: list[bytes], tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "aliked-t16.pth"
    path.write_bytes(content)
    with pytest.raises(WeightsError, match="delete the file and fetch it again") as error:
        load_extractor("aliked-t16", max_keypoints=100, device="cpu", weights_dir=tmp_path)
    assert one_line(error).startswith(str(path))


def test_an_unreadable_file_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="cannot read the weights"):
        read_verified(tmp_path, weights.WEIGHTS["aliked-t16"])


def test_unknown_names_and_folders_are_one_line(tmp_path: Path) -> None:
    with pytest.raises(
        WeightsError, match=r"^weights: unknown name 'aliked-t61', did you mean 'aliked-t16'\?$"
    ):
        find_local("aliked-t61")
    with pytest.raises(WeightsError, match="no such folder"):
        find_local("aliked-t16", tmp_path / "missing")


def test_registered_files_are_distinct_and_public() -> None:
    files = list(weights.WEIGHTS.values())
    assert len({file.sha256 for file in files}) == len(files) == 9
    official = [file for file in files if file.url]
    assert len(official) == 8
    assert all(file.url.startswith("https://github.com/Shiaoming/ALIKE") for file in official)
    assert all(file.url.endswith(file.filename) for file in official)
    assert replace(files[0], name="x").filename == "x.pth"


@pytest.mark.real
@pytest.mark.parametrize("name", list(weights.WEIGHTS))
def test_official_files_load_strictly(name: str, weights_dir: Path) -> None:
    extractor = load_extractor(name, max_keypoints=100, device="cpu", weights_dir=weights_dir)
    assert extractor.weights_sha256 == weights.WEIGHTS[name].sha256


def test_our_own_weights_come_with_the_package(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv("VO_WEIGHTS_DIR", raising=False)
    path = find_or_download("vof-t16")
    assert len(read_verified(path, weights.WEIGHTS["vof-t16"])) < 1_000_000
    assert path.with_suffix(".md").is_file(), "a model card lies beside it"
    assert load_extractor("vof-t16", max_keypoints=100, device="cpu").name == "vof-t16"


def test_a_package_without_its_weights_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(weights, "OWN_WEIGHTS", tmp_path)
    with pytest.raises(WeightsError, match=r"vof-t16\.pth: missing from the package; install it again$"):
        find_or_download("vof-t16")


def test_trained_weights_are_loaded_into_a_network_of_their_variant(tmp_path: Path) -> None:
    trained, network = random_network("alike-t"), make_network("alike-t")
    torch.save(trained.state_dict(), tmp_path / "mine.pth")
    load_trained_weights(network, "alike-t", tmp_path / "mine.pth")
    for name, expected in trained.state_dict().items():
        assert torch.equal(network.state_dict()[name], expected), name


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "cannot be read"),
        (b"no state dict", "cannot be read"),
        ([1, 2], "does not hold weights of alike-t"),
        ({"conv1.weight": torch.zeros(3)}, "does not hold weights of alike-t"),
        (make_network("alike-s").state_dict(), "does not hold weights of alike-t"),
    ],
)
def test_a_file_without_weights_of_the_variant_is_one_line(
    tmp_path: Path, content: object, message: str
) -> None:
    path = tmp_path / "mine.pth"
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content is not None:
        torch.save(content, path)
    with pytest.raises(WeightsError, match=message) as error:
        load_trained_weights(make_network("alike-t"), "alike-t", path)
    assert one_line(error).startswith(str(path))


def test_a_folder_of_weights_may_be_a_text(served: list[bytes], tmp_path: Path) -> None:
    (tmp_path / "aliked-t16.pth").write_bytes(CONTENT[:-1])
    with pytest.raises(WeightsError, match="got 255999 bytes"):
        load_extractor("aliked-t16", max_keypoints=100, device="cpu", weights_dir=str(tmp_path))
