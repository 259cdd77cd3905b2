"""An archive to fill."""

import pytest
from atlas_inputs import SIZE

from vo_frontend.atlas.archive import Archive
from vo_frontend.config import AtlasConfig


@pytest.fixture
def archive() -> Archive:
    return Archive(SIZE, AtlasConfig())
