"""Dagster Components: what a YAML file's `type` can name."""
