"""What runs a dataset's graph: its jobs, its schedule, its sensors."""
