"""ALIKED on the CPU by kernels made for it: what ``AlikedNetwork`` computes, up to rounding.

All layers of a stage run row by row in registers and cache, and nothing that is only read at keypoints is
computed elsewhere; see ``vo_frontend.features.cpu``.
"""

import copy

import numpy as np
from numpy.typing import NDArray

from vo_frontend.compute.compile_ahead import Call, Rehearsal
from vo_frontend.compute.threads import ThreadTeam
from vo_frontend.features.cpu.coarse_blocks import coarse_level, deformable_layer, pool_4x4
from vo_frontend.features.cpu.convolution import MARGIN
from vo_frontend.features.cpu.description import describe
from vo_frontend.features.cpu.detection import find_maxima, refine
from vo_frontend.features.cpu.fine_blocks import first_block, second_block
from vo_frontend.features.cpu.fine_pairs import first_block_of_pairs, second_block_of_pairs
from vo_frontend.features.cpu.packed_weights import CoarseBlock, pack_weights
from vo_frontend.features.cpu.score_head import score_head
from vo_frontend.features.cpu.workspace import CoarseBuffers, Workspace, choose_map_types, make_workspace
from vo_frontend.features.networks.aliked.variants import BORDER, AlikedConfig
from vo_frontend.features.state_dict import StateDict
from vo_frontend.types import Image

BAND_PX = 32  # height of the bands in which keypoints are described from left to right


class CpuAliked:
    """Turns an image into a score map, then keypoints of that image into descriptors."""

    def __init__(
        self, config: AlikedConfig, state: StateDict, num_threads: int, precision: str = "fp32"
    ) -> None:
        """Pack the weights of an ``AlikedNetwork`` in training form.

        Args:
            config: of the variant.
            state: its state dict.
            num_threads: that share the work.
            precision: "fp32", or "bf16" for convolutions and products in bfloat16, summed in float32, where
                the processor has them (``compute.simd_pairs.HAS_PAIRS``); elsewhere only the largest maps are
                stored in it.
        """
        self.config = config
        self.maps = choose_map_types(precision)
        self.team = ThreadTeam(num_threads)
        self.weights = pack_weights(state, self.maps.paired)
        self._workspace: Workspace | None = None

    def sibling(self, num_threads: int) -> "CpuAliked":
        """Return a network of the same weights with arrays and threads of its own, to run beside this one."""
        return self._with_team(ThreadTeam(num_threads))

    def kernel_calls(self, image: Image) -> list[Call]:
        """List the kernels that an image goes through, with the types of their arguments, but run none."""
        rehearsal = Rehearsal()
        other = self._with_team(rehearsal)
        keypoints, _ = other.detect(other.score_map(image), 1)
        other.describe(keypoints)
        return rehearsal.calls

    def score_map(self, image: Image) -> NDArray[np.float32]:
        """Compute the score map of an image, (H, W) or (H, W, 3) uint8.

        Returns:
            (H, W) in [0, 1]: a view that the next call overwrites.
        """
        height, width = image.shape[:2]
        work = self._workspace_for((height, width))
        self._run_trunk(np.ascontiguousarray(np.atleast_3d(image)), work)
        score, padded_size = work.score, work.padded_size
        self.team.run(
            score_head,
            work.fine.output1,
            score.coarse,
            score.grids,
            padded_size.width,
            self.weights.score,
            score.scores,
            score.level_tiles,
            score.sum_tiles,
            score.level_rows,
            score.rings8,
            score.rings4,
        )
        left = MARGIN + padded_size.left
        return score.scores[padded_size.top : padded_size.top + height, 0, left : left + width]

    def detect(
        self, score_map: NDArray[np.float32], max_keypoints: int
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Find keypoints as :func:`vo_frontend.features.networks.detection.detect` does, in any order.

        score_map: (H, W), of the last ``score_map``. Returns keypoints (N, 2) in px and scores (N,).
        """
        work = self._workspace
        assert work is not None
        self.team.run(
            find_maxima,
            score_map,
            BORDER.first_px,
            BORDER.last_px,
            work.planes,
            work.found,
            work.counts,
        )
        parts = [part[:count] for part, count in zip(work.found, work.counts, strict=True)]
        found = np.sort(np.concatenate(parts))  # so that ties do not depend on the number of threads
        if len(found) > max_keypoints:
            values = score_map[np.divmod(found, score_map.shape[1])]
            found = found[np.argpartition(-values, max_keypoints)[:max_keypoints]]
        keypoints, scores = np.empty((len(found), 2), np.float32), np.empty(len(found), np.float32)
        self.team.run(refine, score_map, found, keypoints, scores)
        return keypoints, scores

    def describe(self, keypoints: NDArray[np.float32]) -> NDArray[np.float32]:
        """Describe keypoints (N, 2) in px of the image of the last ``score_map``. Returns (N, dim)."""
        work = self._workspace
        assert work is not None
        # Neighbours one after the other find what they read in cache; by score they lie all over the image.
        order = np.lexsort((keypoints[:, 0], keypoints[:, 1] // BAND_PX))
        described = np.empty((len(keypoints), self.config.trunk.dim), np.float32)
        self.team.run(
            describe,
            keypoints[order],
            work.image_size,
            work.pyramid,
            work.padded_size,
            self.weights.descriptors,
            work.scratch,
            described,
        )
        descriptors = np.empty_like(described)
        descriptors[order] = described
        return descriptors

    def _with_team(self, team: ThreadTeam) -> "CpuAliked":
        other = copy.copy(self)
        other.team = team
        other._workspace = None
        return other

    def _run_trunk(self, image: Image, work: Workspace) -> None:
        weights, padded_size = self.weights, work.padded_size
        self._run_fine_blocks(image, work)
        run_coarse_block(
            self.team,
            weights.block3,
            work.block3,
            padded_size.width // 8,
            work.pyramid.level3,
            work.score.coarse[1],
        )
        self.team.run(pool_4x4, work.block3.output.table, padded_size.width // 8, work.block4.source)
        run_coarse_block(
            self.team,
            weights.block4,
            work.block4,
            padded_size.width // 32,
            work.pyramid.level4,
            work.score.coarse[2],
        )

    def _run_fine_blocks(self, image: Image, work: Workspace) -> None:
        weights, fine, padded_size = self.weights, work.fine, work.padded_size
        first = (
            image,
            padded_size,
            weights.first_of_grey if image.shape[2] == 1 else weights.first,
            weights.second,
            fine.output1,
            fine.pooled1,
            fine.input_rings,
            fine.rings1,
        )
        level = work.pyramid.level2
        second = (
            fine.pooled1,
            weights.block2,
            padded_size.width // 2,
            level.view(np.uint32) if self.maps.paired else level,
            work.score.coarse[0],
            work.block3.source.planar,
            work.block3.source.table,
            fine.rings2,
            fine.outputs2,
            fine.level_rows,
        )
        if self.maps.paired:
            self.team.run(first_block_of_pairs, *first)
            self.team.run(second_block_of_pairs, *second)
        else:
            self.team.run(first_block, *first, fine.sums)
            self.team.run(second_block, *second, fine.sums)

    def _workspace_for(self, image_size: tuple[int, int]) -> Workspace:
        if self._workspace is None or self._workspace.image_size != image_size:
            self._workspace = None  # frees the old one before the new one is allocated
            self._workspace = make_workspace(
                self.config, self.weights.finest_matrix, image_size, self.team.size, self.maps
            )
        return self._workspace


def run_coarse_block(
    team: ThreadTeam,
    weights: CoarseBlock,
    buffers: CoarseBuffers,
    width: int,
    level: NDArray[np.float32],
    score: NDArray[np.float32],
) -> None:
    """Run both deformable convolutions and the level of the pyramid that follows them.

    Args:
        team: threads that share the rows.
        weights: of the block.
        buffers: of the block; its ``source`` is the input.
        width: columns of the block's maps.
        level: (h * width, Q) table, written: the activated level.
        score: planar map (h, 8, .), written: what the level adds to the score head's first layer.
    """
    team.run(
        deformable_layer,
        buffers.source,
        buffers.no_shortcut,
        weights.first,
        width,
        buffers.middle,
        buffers.offset_rows,
        buffers.samples1,
        buffers.products,
    )
    team.run(
        deformable_layer,
        buffers.middle,
        buffers.source.table,
        weights.second,
        width,
        buffers.output,
        buffers.offset_rows,
        buffers.samples2,
        buffers.products,
    )
    team.run(
        coarse_level,
        buffers.output.table,
        width,
        weights.level,
        weights.score,
        level,
        score,
        buffers.levels,
        buffers.scores,
    )
