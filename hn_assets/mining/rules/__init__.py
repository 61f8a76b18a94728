"""Which candidates are no negatives, for which reasons, and in which order that is decided."""
