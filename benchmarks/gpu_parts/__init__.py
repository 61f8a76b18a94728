"""The parts of `benchmarks.gpu_first`, a module each.

A part is a module with `run(setting)`, which yields the rows of its table. `setting.small` asks
for sizes that a CPU computes in a few seconds.
"""
