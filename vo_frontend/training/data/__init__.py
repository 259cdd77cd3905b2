"""Image pairs with known geometry, from photographs, RGB-D, MegaDepth and the built-in street."""
