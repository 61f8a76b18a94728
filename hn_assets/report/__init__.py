"""One page per refresh: what was mined, how far to trust it, and what changed."""
