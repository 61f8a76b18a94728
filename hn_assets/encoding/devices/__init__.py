"""How batches are computed on the devices of a machine."""
