"""What an installed package and a source archive carry besides modules, and what they say of themselves."""

import re
import subprocess
import sys
import tarfile
from email import message_from_bytes
from email.message import Message
from pathlib import Path

import pytest

from vo_frontend import __version__

ROOT = Path(__file__).parents[1]


def build(*arguments: str) -> None:
    command = [sys.executable, "setup.py", "--quiet", *arguments]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=120)


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a built package."""
    folder = tmp_path_factory.mktemp("built")
    build("build_py", "--build-lib", str(folder))
    return folder


@pytest.fixture(scope="module")
def metadata(tmp_path_factory: pytest.TempPathFactory) -> Message:
    folder = tmp_path_factory.mktemp("metadata")
    build("egg_info", "--egg-base", str(folder))
    return message_from_bytes((folder / "vo_frontend.egg-info" / "PKG-INFO").read_bytes())


@pytest.mark.parametrize("name", ["sequences", "configs"])
def test_an_installed_package_carries_all_yaml_files(installed: Path, name: str) -> None:
    built = {path.name for path in (installed / "vo_frontend" / name).iterdir()}
    assert built == {path.name for path in (ROOT / name).glob("*.yaml")}


def test_an_installed_package_carries_weights_vocabularies_and_the_mark_of_typed_code(
    installed: Path,
) -> None:
    package = installed / "vo_frontend"
    assert (package / "features" / "own_weights" / "vof-t16.pth").is_file()
    assert list((package / "places" / "vocabularies").iterdir())
    assert (package / "py.typed").is_file()


def test_an_installed_package_knows_its_configurations_by_name(installed: Path, tmp_path: Path) -> None:
    code = "import vo_frontend as vo; print(vo.__file__, vo.load_config('accurate').features.name)"
    command = [sys.executable, "-c", code]
    found = subprocess.run(
        command, cwd=tmp_path, env={"PYTHONPATH": str(installed)}, capture_output=True, text=True, check=True
    )
    assert found.stdout.split() == [str(installed / "vo_frontend" / "__init__.py"), "aliked-n16"]


def test_the_source_archive_carries_every_file_that_git_knows(tmp_path: Path) -> None:
    known = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    if known.returncode != 0:
        pytest.skip("not a git checkout")
    build("egg_info", "--egg-base", str(tmp_path), "sdist", "--dist-dir", str(tmp_path))
    (archive,) = tmp_path.glob("*.tar.gz")
    with tarfile.open(archive) as tar:
        carried = {name.partition("/")[2] for name in tar.getnames()}
    assert set(known.stdout.split()) - carried == {".gitignore"}


def test_the_metadata_name_version_licence_and_authors(metadata: Message) -> None:
    assert metadata["Version"] == __version__
    assert metadata["Author"] == "the vo_frontend authors"
    assert "BSD-3-Clause" in (metadata["License-Expression"] or metadata["License"])
    assert "Typing :: Typed" in metadata.get_all("Classifier", [])


def test_the_metadata_lead_to_no_address_that_does_not_exist(metadata: Message) -> None:
    addresses = [metadata["Home-page"], *metadata.get_all("Project-URL", []), metadata.get_payload()]
    assert not any(".example" in str(address) for address in addresses)


def test_the_description_has_no_relative_link_or_picture_and_keeps_their_text(metadata: Message) -> None:
    text = metadata.get_payload()
    assert isinstance(text, str)
    links = re.findall(r"\]\(([^)\s]+)\)", text)
    assert [link for link in links if not link.startswith(("https://", "#"))] == []
    assert "When it does not work: docs/troubleshooting.md." in text
    assert "![" not in text
