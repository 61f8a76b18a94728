"""Numbers that say how probably a candidate is relevant, and the model that combines them."""
