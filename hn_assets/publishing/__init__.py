"""Training files and the promoted model as repositories of the Hugging Face hub.

What belongs here: the card of a repository, which says where its content comes from, and the push.
What does not: reading from the hub, which is in `hn_assets/hub.py`, and what is pushed, which
`export` and `training` write.
"""
