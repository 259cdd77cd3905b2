"""The losses of ALIKE and ALIKED, one per file, as functions of tensors.

ALIKE: X. Zhao et al., "ALIKE: Accurate and Lightweight Keypoint Detection and Descriptor Extraction",
IEEE Transactions on Multimedia, 2022 (arXiv 2112.02906).
ALIKED: X. Zhao et al., "ALIKED: A Lighter Keypoint and Descriptor Extraction Network via Deformable
Transformation", IEEE Transactions on Instrumentation and Measurement, 2023 (arXiv 2304.03608).
NRE: H. Germain et al., "Neural Reprojection Error: Merging Feature Learning and Camera Pose Estimation",
CVPR 2021 (arXiv 2103.07153).
"""
