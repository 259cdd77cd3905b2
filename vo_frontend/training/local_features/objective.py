"""The objective of ALIKE and ALIKED: the weighted sum of four losses on image pairs."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from vo_frontend.features.networks.pyramid import FeaturePyramid
from vo_frontend.features.networks.trunk import FeatureNetwork
from vo_frontend.training.data.pairs import PairBatch
from vo_frontend.training.engine.task import LossTerms
from vo_frontend.training.local_features.losses.correspondence import (
    are_not_shown,
    far_from_earlier,
    nearest_partners,
    random_partners,
    warp_points,
)
from vo_frontend.training.local_features.losses.dense_nre import DescriptorMap, dense_nre_loss
from vo_frontend.training.local_features.losses.keypoints import Keypoints, detect_keypoints, sample_scores
from vo_frontend.training.local_features.losses.peak import peak_loss
from vo_frontend.training.local_features.losses.reliability import reliability_loss
from vo_frontend.training.local_features.losses.reprojection import reprojection_loss
from vo_frontend.training.local_features.losses.sparse_nre import sparse_nre_loss
from vo_frontend.training.local_features.losses.triplet import triplet_loss
from vo_frontend.training.local_features.train_config import ObjectiveConfig
from vo_frontend.training.local_features.training_pyramid import TrainingPyramid

DENSE_CHUNK = 4096  # pixels described at a time


@dataclass(frozen=True, slots=True)
class LocalFeatureLosses(LossTerms):
    """Mean losses of a batch of pairs, each (): the weighted total, and the terms without their weights."""

    reprojection: Tensor  # px
    peak: Tensor
    descriptor: Tensor
    reliability: Tensor


@dataclass(frozen=True, slots=True)
class _Side:
    """One image of a pair: N points, the M detected keypoints first, then random ones."""

    pyramid: FeaturePyramid
    score_map: Tensor  # (H, W)
    detected: Keypoints
    positions: Tensor  # (N, 2) px
    descriptors: Tensor  # (N, D)
    warped: Tensor  # (N, 2) px in the other image, NaN where unknown
    is_outlier: Tensor  # (N,) bool: not shown by the other image

    @property
    def detected_warped(self) -> Tensor:
        """Return the keypoints in the other image (M, 2), px, NaN where unknown."""
        return self.warped[: len(self.detected.positions)]


class LocalFeatureObjective:
    """Turns a network and a batch of pairs into a loss to minimise."""

    terms = LocalFeatureLosses

    def __init__(self, config: ObjectiveConfig, *, mixed_precision: bool = False) -> None:
        """Args: ``mixed_precision``: the trunk in bfloat16; scores, descriptors and losses stay float32."""
        self.config, self._mixed_precision = config, mixed_precision

    def __call__(
        self, network: FeatureNetwork, batch: PairBatch, generator: torch.Generator
    ) -> LocalFeatureLosses:
        """Run the network on both images of every pair and evaluate all losses.

        Args:
            network: in training mode for training; all images of the batch share the batch statistics.
            batch: B pairs on the network's device.
            generator: draws the random points, on any device.
        """
        num_pairs = len(batch.image0)
        pyramid, score_maps = self._forward(network, torch.cat([batch.image0, batch.image1]))
        terms = []
        for pair in range(num_pairs):
            side0, side1 = self._sides(network, pyramid, score_maps, batch, pair, generator)
            terms.append(torch.stack(self._terms(network, side0, side1)))
        reprojection, peak, descriptor, reliability = torch.stack(terms).mean(dim=0)
        c = self.config
        total = (
            c.reprojection_weight * reprojection
            + c.peak_weight * peak
            + c.descriptor_weight * descriptor
            + c.reliability_weight * reliability
        )
        return LocalFeatureLosses(total, reprojection, peak, descriptor, reliability)

    def _forward(self, network: FeatureNetwork, images: Tensor) -> tuple[FeaturePyramid, Tensor]:
        with torch.autocast(images.device.type, torch.bfloat16, enabled=self._mixed_precision):
            pyramid = network.feature_pyramid(images)
        pyramid = FeaturePyramid(tuple(level.to(images.dtype) for level in pyramid.levels), pyramid.padding)
        return pyramid, network.score_maps(pyramid)

    def _sides(
        self,
        network: FeatureNetwork,
        pyramid: FeaturePyramid,
        score_maps: Tensor,
        batch: PairBatch,
        pair: int,
        generator: torch.Generator,
    ) -> tuple[_Side, _Side]:
        c = self.config
        images = pair, pair + len(batch.image0)
        warps = (batch.warp01[pair], batch.warp10[pair])
        covisible = (batch.covisible01[pair], batch.covisible10[pair])
        detected = [
            detect_keypoints(score_maps[image], c.num_keypoints, network.border, c.detection_temperature)
            for image in images
        ]
        drawn = random_partners(warps[0], covisible[0], c.num_random, generator)
        drawn = _thinned(drawn, [found.positions for found in detected], c.min_gap_px)
        sides = []
        for side, found in enumerate(detected):
            levels = _differentiable(pyramid.of_image(images[side]))
            positions = torch.cat([found.positions, drawn[side]])
            warped = torch.cat([warp_points(found.positions, warps[side], covisible[side]), drawn[1 - side]])
            is_outlier = are_not_shown(positions, warps[side], covisible[side]) & warped.isnan().any(dim=1)
            descriptors = network.describe(levels, positions)
            score_map = score_maps[images[side]]
            sides.append(_Side(levels, score_map, found, positions, descriptors, warped, is_outlier))
        return sides[0], sides[1]

    def _terms(self, network: FeatureNetwork, side0: _Side, side1: _Side) -> tuple[Tensor, ...]:
        c = self.config
        (points0, warped0), (points1, warped1) = (_salient(side, c.min_score) for side in (side0, side1))
        reprojection = reprojection_loss(points0, points1, warped0, warped1, c.max_reprojection_px)
        peak = peak_loss(
            torch.cat([side0.detected.dispersity, side1.detected.dispersity]),
            torch.cat([side0.detected.scores, side1.detected.scores]),
            c.min_score,
        )
        both = ((side0, side1), (side1, side0))
        descriptor = [self._descriptor_loss(network, here, there) for here, there in both]
        reliability = [self._reliability_loss(network, here, there) for here, there in both]
        return reprojection, peak, torch.stack(descriptor).mean(), torch.stack(reliability).mean()

    def _reliability_loss(self, network: FeatureNetwork, here: _Side, there: _Side) -> Tensor:
        """Compare every keypoint with the other image where the geometry puts it."""
        known = here.detected_warped.isfinite().all(dim=1).nonzero()[:, 0]
        at = here.detected_warped[known]
        with torch.no_grad():
            expected = network.describe(there.pyramid, at)
            similarity = (here.descriptors[known] * expected).sum(dim=1)
        scores = here.detected.scores[known], sample_scores(there.score_map, at)
        return reliability_loss(similarity, *scores, self.config.reliability_temperature)

    def _descriptor_loss(self, network: FeatureNetwork, here: _Side, there: _Side) -> Tensor:
        c = self.config
        if c.descriptor == "dense_nre":
            dense = describe_densely(network, there.pyramid, c.dense_stride_px)
            is_outlier = here.is_outlier if c.dense_outlier_bin else None
            return dense_nre_loss(here.descriptors, here.warped, dense, c.dense_temperature, is_outlier)
        index, partner = nearest_partners(here.warped, there.positions, c.max_partner_px)
        if c.descriptor == "triplet":
            is_near = torch.cdist(here.warped[index], there.positions) <= c.max_partner_px
            return triplet_loss(
                here.descriptors, there.descriptors, index, partner, is_near, c.triplet_margin
            )
        return sparse_nre_loss(here.descriptors, there.descriptors, index, partner, c.sparse_temperature)


def _differentiable(pyramid: FeaturePyramid) -> FeaturePyramid:
    """Exchange the pyramid of one image, on the CPU, for one that is cheap to differentiate."""
    on_cpu = pyramid.levels[0].device.type == "cpu"
    return TrainingPyramid(pyramid.levels, pyramid.padding) if on_cpu else pyramid


def _salient(side: _Side, min_score: float) -> tuple[Tensor, Tensor]:
    """Choose the detected keypoints that score above a threshold. Returns positions and warps (K, 2), px."""
    chosen = (side.detected.scores.detach() > min_score).nonzero()[:, 0]
    return side.detected.positions[chosen], side.detected_warped[chosen]


def _thinned(drawn: tuple[Tensor, Tensor], detected: list[Tensor], gap_px: float) -> tuple[Tensor, Tensor]:
    """Leave out random points that lie beside a keypoint or another of them, in either image.

    Two descriptors of one place are no negatives of each other.
    """
    is_apart = [
        far_from_earlier(torch.cat([keypoints.detach(), points]), gap_px)[len(keypoints) :]
        for points, keypoints in zip(drawn, detected, strict=True)
    ]
    chosen = (is_apart[0] & is_apart[1]).nonzero()[:, 0]
    return drawn[0][chosen], drawn[1][chosen]


def describe_densely(network: FeatureNetwork, pyramid: FeaturePyramid, stride_px: int) -> DescriptorMap:
    """Describe every ``stride_px``-th pixel of the one image of a pyramid, part by part to save memory."""
    height, width = pyramid.image_size
    device = pyramid.levels[0].device
    rows, columns = torch.arange(0, height, stride_px), torch.arange(0, width, stride_px)
    y, x = torch.meshgrid(rows.to(device), columns.to(device), indexing="ij")
    positions = torch.stack([x, y], dim=-1).flatten(0, 1).to(pyramid.levels[0].dtype)
    parts = [
        checkpoint(network.describe, pyramid, part, use_reentrant=False)
        for part in torch.split(positions, DENSE_CHUNK)  # type: ignore[no-untyped-call]
    ]
    return DescriptorMap(torch.cat(parts), len(rows), len(columns), stride_px)
