"""Training of ALIKED and ALIKE: image pairs, losses and the loop around them."""
