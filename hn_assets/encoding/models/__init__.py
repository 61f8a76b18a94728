"""Which model encodes.

What belongs here: finding a model, saying to the last bit which one it is, opening it, and
noticing that it changed. What does not: computing with it, which is in `encoding.devices`.
"""
