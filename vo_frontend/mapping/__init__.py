"""The local map: keyframes, landmarks, and the adjustment of both."""
