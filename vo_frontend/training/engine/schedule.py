"""Learning rate of each step: linear warm-up, then constant, or to zero along half a cosine or a line."""

import math

from vo_frontend.training.engine.run_config import OptimizationConfig


def learning_rate_at(step: int, config: OptimizationConfig) -> float:
    """Return the learning rate of a step, 0 <= step < config.steps."""
    if step < config.warmup_steps:
        return config.learning_rate * (step + 1) / config.warmup_steps
    if config.schedule == "constant":
        return config.learning_rate
    done = (step - config.warmup_steps) / max(config.steps - config.warmup_steps, 1)
    if config.schedule == "linear":
        return config.learning_rate * (1 - done)
    return config.learning_rate * 0.5 * (1 + math.cos(math.pi * done))
