"""How good the rankings are, and what changed since the last refresh."""
