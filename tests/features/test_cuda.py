import numpy as np
import pytest

from vo_frontend.features import load_extractor

pytestmark = [pytest.mark.gpu, pytest.mark.real]


@pytest.mark.parametrize("name", ["aliked-t16", "aliked-n16", "alike-t", "alike-l"])
def test_the_gpu_finds_the_keypoints_of_the_cpu(name, weights_dir):
    torch = pytest.importorskip("torch")
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    rng = np.random.default_rng(0)
    image = np.kron(rng.integers(0, 256, size=(60, 80)), np.ones((8, 8))).astype(np.uint8)
    cpu, gpu = (
        load_extractor(name, max_keypoints=500, device=device, weights_dir=weights_dir).extract(image)
        for device in ("cpu", "cuda")
    )
    distance = np.linalg.norm(cpu.pixels[:, None] - gpu.pixels[None], axis=2)
    found = distance.min(axis=1) < 0.01
    assert found.mean() >= 0.995
    cosine = (cpu.descriptors[found] * gpu.descriptors[distance.argmin(axis=1)[found]]).sum(axis=1)
    assert (cosine > 0.9999).mean() >= 0.995
