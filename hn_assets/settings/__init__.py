"""The settings of a dataset: one file per section of its YAML file.

What belongs here: the keys of each section with their types, defaults, limits and descriptions, and
the table of all of them for the documentation. What does not: what a setting does, which is in the
package that is configured, and the keys of single kinds of source, filters and formats, which stand
in the files of these.
"""
