"""Verdicts of a language model, asked over the network, on pairs of query and passage.

What belongs here: the prompt, asking an endpoint that speaks OpenAI's protocol, and keeping every
answer that was paid for. What does not: which pairs are asked about and what follows from a
verdict, which is in `assets`, `review` and `export`; and people's verdicts, which alone measure.
"""
