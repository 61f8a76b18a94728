"""The Dagster layer over the rooms: one module per stage, each thin.

Each module turns stored files into stored files by calling its room, and tells Dagster what came
of it. What a stage does belongs in its room; how it is shown belongs here.
"""
