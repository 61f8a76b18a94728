"""What people are shown of a refresh: a page, its pictures, and what `hn-assets show` prints.

Everything that is shown is collected from published files and drawn or written here. Nothing is
measured here, and nothing is decided that a stage depends on.
"""
