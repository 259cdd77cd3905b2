"""The variants of ALIKED, by name."""

from dataclasses import dataclass

from vo_frontend.features.networks.sizes import Border, TrunkConfig


@dataclass(frozen=True)
class AlikedConfig:
    """Sizes of one variant."""

    trunk: TrunkConfig
    num_positions: int  # M, sampled per descriptor


BORDER = Border(first_px=2, last_px=2)
TINY = TrunkConfig(channels=(8, 16, 32, 64), dim=64)
NORMAL = TrunkConfig(channels=(16, 32, 64, 128), dim=128)

ALIKED_VARIANTS = {
    "aliked-t16": AlikedConfig(TINY, num_positions=16),
    "vof-t16": AlikedConfig(TINY, num_positions=16),  # the same, with weights of our own
    "aliked-n16": AlikedConfig(NORMAL, num_positions=16),
    "aliked-n16rot": AlikedConfig(NORMAL, num_positions=16),
    "aliked-n32": AlikedConfig(NORMAL, num_positions=32),
}
