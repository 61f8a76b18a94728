"""`hn-assets`: look at what was materialized, from a terminal."""

import os
from pathlib import Path

import click

from hn_assets.errors import HardNegativesError
from hn_assets.export.show import render_training_set
from hn_assets.reference import settings_table


@click.group()
def main() -> None:
    """Hard negatives as a Dagster asset graph."""


@main.command()
@click.argument("dataset")
@click.option("--examples", default=3, show_default=True, help="Queries to print.")
def show(dataset: str, examples: int) -> None:
    """Say where DATASET's training files lie, and print a few mined examples."""
    root = Path(os.environ.get("HN_DATA_DIR", "data"))
    try:
        click.echo(render_training_set(root, dataset, examples))
    except HardNegativesError as error:
        raise click.ClickException(str(error)) from error


@main.command()
def settings() -> None:
    """Print every setting of a dataset's YAML file as a Markdown table."""
    click.echo(settings_table())
