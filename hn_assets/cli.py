"""`hn-assets`: look at what was materialized, from a terminal."""

import os
from pathlib import Path

import click

from hn_assets.errors import HardNegativesError, RemoteStoreError
from hn_assets.export.show import render_training_set
from hn_assets.mining.show import render_trust
from hn_assets.mining.why import explain
from hn_assets.reference import settings_table
from hn_assets.store import open_store


@click.group()
def main() -> None:
    """Hard negatives as a Dagster asset graph."""


@main.command()
@click.argument("dataset")
@click.option("--examples", default=3, show_default=True, help="Queries to print.")
def show(dataset: str, examples: int) -> None:
    """Say where DATASET's files lie, with a few examples, and how far to trust them."""
    try:
        store = open_store(Path.cwd(), dataset, os.environ)
        click.echo(render_training_set(store, examples))
        click.echo(render_trust(store))
    except (HardNegativesError, RemoteStoreError) as error:
        raise click.ClickException(str(error)) from error


@main.command()
@click.argument("dataset")
@click.argument("query_id")
@click.argument("doc_id")
def why(dataset: str, query_id: str, doc_id: str) -> None:
    """Say why the document DOC_ID is, or is not, a negative of the query QUERY_ID."""
    try:
        store = open_store(Path.cwd(), dataset, os.environ)
        click.echo(explain(store, query_id, doc_id))
    except (HardNegativesError, RemoteStoreError) as error:
        raise click.ClickException(str(error)) from error


@main.command()
def settings() -> None:
    """Print every setting of a dataset's YAML file as a Markdown table."""
    click.echo(settings_table())
