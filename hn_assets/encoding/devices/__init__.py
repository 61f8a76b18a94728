"""How a batch is computed on a CPU, on a GPU, or on several.

What belongs here: copies of the model on devices, the processes that run them, and ways to compute
the same vectors faster on some hardware. What does not: which texts form a batch, and anything that
would change a vector by more than rounding.
"""
