"""Packaging. Tool settings live in pyproject.toml; tested versions in constraints.txt."""

from pathlib import Path

from setuptools import find_packages, setup
from setuptools.command.build_py import build_py


class BuildWithSequences(build_py):
    """Also ships ``sequences/*.yaml``, which lie beside the package, inside it."""

    def run(self) -> None:
        """Copy the package, then the sequences."""
        super().run()
        if self.editable_mode:
            return
        target = Path(self.build_lib) / "vo_frontend" / "sequences"
        target.mkdir(parents=True, exist_ok=True)
        for path in Path(__file__).with_name("sequences").glob("*.yaml"):
            self.copy_file(str(path), str(target / path.name))


setup(
    name="vo_frontend",
    version="0.1.0",
    description="Real-time visual odometry front-end with ALIKED features, in Python, on CPU and CUDA",
    long_description=Path(__file__).with_name("README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="BSD-3-Clause",
    python_requires=">=3.10",
    packages=find_packages(include=["vo_frontend", "vo_frontend.*"]),
    package_data={"vo_frontend.features": ["own_weights/*"]},
    cmdclass={"build_py": BuildWithSequences},
    install_requires=[
        "torch>=2.2",
        "numpy>=1.26",
        "opencv-python>=4.9",
        "pyyaml>=6",
        "numba>=0.59",
        "poselib>=2.0.4",
        "matplotlib>=3.8",
    ],
    extras_require={
        "viewer": ["open3d>=0.18"],
        "dev": ["pytest>=8", "ruff", "mypy", "types-PyYAML", "evo>=1.28", "kornia>=0.7.4", "pyceres>=2.6"],
    },
    entry_points={"console_scripts": ["vo-frontend=vo_frontend.cli.run:main"]},
)
