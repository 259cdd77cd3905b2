"""Network weights: what they are, where they may lie, and how to fetch the official ones safely."""

import hashlib
import http.client
import logging
import os
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from vo_frontend.errors import OutputError, WeightsError, did_you_mean
from vo_frontend.formats.atomic import open_atomically

log = logging.getLogger(__name__)

NETWORK_TIMEOUT_S = 5.0  # to connect, and for each piece; an offline machine must not hang
CHUNK_BYTES = 1 << 16
OWN_WEIGHTS = Path(__file__).with_name("own_weights")  # a model card lies beside each file

Progress = Callable[[str, int, int], None]  # file name, bytes received so far, bytes expected


@dataclass(frozen=True)
class WeightsFile:
    """One state dict: official (copyright 2022 Zhao Xiaoming, BSD-3-Clause), or ours, in the package."""

    name: str
    url: str  # empty: comes with the package
    num_bytes: int
    sha256: str

    @property
    def filename(self) -> str:
        """Name of the file in every folder."""
        return f"{self.name}.pth"


def _official(name: str, num_bytes: int, sha256: str) -> WeightsFile:
    project = name.split("-")[0].upper()
    url = f"https://github.com/Shiaoming/{project}/raw/main/models/{name}.pth"
    return WeightsFile(name, url, num_bytes, sha256)


WEIGHTS = {
    file.name: file
    for file in (
        _official("aliked-t16", 794859, "56782336919db220144a884e710e2b6af13b3b8f8da15b915a239078ab471085"),
        WeightsFile(
            "vof-t16", "", 793023, "5e608a09658b4b941228a388181bba5f980981c4384cf6bf17b2a751d22ba419"
        ),
        _official("aliked-n16", 2738091, "5be8704840ed662d9d8c561bf7279c222092674e7eb05fd0feab94899e9d82f2"),
        _official(
            "aliked-n16rot", 2738325, "ddf3abbf38e86f6a74540d214e1a9712c54b2d8551abc864542199f2347d7332"
        ),
        _official("aliked-n32", 3946667, "055283fd1624d3ab46a05c3b617b1a79a3f28d1f551737eef2d653e8c8232890"),
        _official("alike-t", 350644, "c0840329a6b88518d914b03af2be956f5607055a389ba17441db02bb94f7d12e"),
        _official("alike-s", 724468, "a9c0789ff0a09f576cc24afe4924d3233471499d1ce3b0248d650c8794e99a94"),
        _official("alike-n", 1338420, "8bd4789272eec779be280f8fc1007608ff604241440a0a3377c1559199412ee3"),
        _official("alike-l", 2639857, "bed5fbbf352ab1c3e92e2241881f8b84edce949984fa23bc7f2517eab93938a0"),
    )
}


def weights_file(name: str) -> WeightsFile:
    """Look up a registered file.

    Raises:
        WeightsError: no such name; the message suggests the nearest one.
    """
    if name not in WEIGHTS:
        raise WeightsError(f"weights: unknown name '{name}', {did_you_mean(name, WEIGHTS)}")
    return WEIGHTS[name]


def cache_dir() -> Path:
    """Name the download folder: ``$XDG_CACHE_HOME/vo_frontend/weights``, by default below ``~/.cache``."""
    base = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return Path(base) / "vo_frontend" / "weights"


def find_local(name: str, weights_dir: Path | None = None) -> Path | None:
    """Find a file without downloading it: in ``weights_dir``, ``$VO_WEIGHTS_DIR``, the user cache.

    Our own lie in the package, and nowhere else.

    Raises:
        WeightsError: unknown name, or ``weights_dir`` is given and no folder.
    """
    file = weights_file(name)
    if not file.url:
        path = OWN_WEIGHTS / file.filename
        return path if path.is_file() else None
    candidates = (folder / file.filename for folder in _folders(weights_dir))
    return next((path for path in candidates if path.is_file()), None)


def find_or_download(name: str, weights_dir: Path | None = None, report: Progress | None = None) -> Path:
    """Find a file as :func:`find_local` does, else download it into the user cache.

    Args:
        name: e.g. "aliked-t16".
        weights_dir: looked into first; a file that it lacks is looked for elsewhere.
        report: called with the file name, bytes received and bytes expected during a download.

    Returns:
        Path of the file. Only a download has been checked; :func:`read_verified` checks the content.

    Raises:
        WeightsError: unknown name, no such folder, no network, altered download, unwritable cache.
    """
    path = find_local(name, weights_dir)
    if path is not None:
        return path
    file = weights_file(name)
    if not file.url:
        raise WeightsError(f"{OWN_WEIGHTS / file.filename}: missing from the package; install it again")
    try:
        return download(file, cache_dir(), report)
    except WeightsError as error:
        looked = ", ".join(str(folder) for folder in _folders(weights_dir))
        raise WeightsError(f"{error} (looked for {file.filename} in {looked})") from None


def read_verified(path: Path, file: WeightsFile) -> bytes:
    """Read a whole weights file and check that it is the registered one.

    Raises:
        WeightsError: the file cannot be read, is truncated or altered.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise WeightsError(f"{path}: cannot read the weights ({error.strerror})") from None
    try:
        _check(file, len(content), hashlib.sha256(content).hexdigest())
    except WeightsError as error:
        raise WeightsError(f"{path}: {error}; delete the file and fetch it again") from None
    return content


def download(file: WeightsFile, folder: Path, report: Progress | None = None) -> Path:
    """Fetch a file into a folder: complete and checked, or not at all.

    Raises:
        WeightsError: no network, unexpected content, or the folder cannot be written.
    """
    path = folder / file.filename
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with open_atomically(path) as output:
            _fetch(file, output.write, report)
    except (OSError, OutputError) as error:
        raise WeightsError(
            f"{folder}: cannot write there ({error}); set XDG_CACHE_HOME to a writable folder, "
            f"or put {file.filename} from {file.url} into a folder and name it with --weights-dir"
        ) from None
    log.info("%s: downloaded from %s", path, file.url)
    return path


def _fetch(file: WeightsFile, write: Callable[[bytes], object], report: Progress | None) -> None:
    received, digest = 0, hashlib.sha256()
    for chunk in _stream(file):
        write(chunk)
        digest.update(chunk)
        received += len(chunk)
        if report is not None:
            report(file.filename, received, file.num_bytes)
        if received > file.num_bytes:
            break
    try:
        _check(file, received, digest.hexdigest())
    except WeightsError as error:
        raise WeightsError(f"{file.url}: {error}; try again, nothing was kept") from None


def _stream(file: WeightsFile) -> Iterator[bytes]:
    """Yield the file from its public home, so that network errors are told from those of the disk."""
    try:
        with urllib.request.urlopen(file.url, timeout=NETWORK_TIMEOUT_S) as response:
            while chunk := response.read(CHUNK_BYTES):
                yield chunk
    except (OSError, http.client.HTTPException) as error:
        reason = error.reason if isinstance(error, urllib.error.URLError) else error
        raise WeightsError(
            f"{file.url}: cannot download ({reason}); fetch {file.filename} where there is a network "
            "and name its folder with --weights-dir or VO_WEIGHTS_DIR"
        ) from None


def _check(file: WeightsFile, num_bytes: int, sha256: str) -> None:
    if num_bytes != file.num_bytes:
        raise WeightsError(f"got {num_bytes} bytes, expected {file.num_bytes} (truncated or another file)")
    if sha256 != file.sha256:
        raise WeightsError(f"got SHA-256 {sha256[:12]}..., expected {file.sha256[:12]}... (altered)")


def _folders(weights_dir: Path | None) -> list[Path]:
    """List the folders to look into, best first."""
    folders = []
    if weights_dir is not None:
        if not weights_dir.is_dir():
            raise WeightsError(f"--weights-dir {weights_dir}: no such folder")
        folders.append(weights_dir)
    if from_environment := os.environ.get("VO_WEIGHTS_DIR"):
        folders.append(Path(from_environment))
    return [*folders, cache_dir()]
