"""What every export format is built on.

What belongs here: the protocol of a format, the examples that formats write, the table of ids, and
writers of rows that stay within bounds. What does not: the formats, which are in `export.formats`.
"""
