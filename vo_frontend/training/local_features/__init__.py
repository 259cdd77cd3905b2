"""The task of local features: train ALIKED and ALIKE on image pairs. ``recipe`` puts it together."""
