"""The settings of a dataset: one file per section of its YAML file."""
