"""Steps, schedule, checkpoints, tables and processes of any training run; ``task`` is what it asks for."""
