"""`hn-assets`: look at what was materialized, from a terminal."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from hn_assets.errors import HardNegativesError, RemoteStoreError
from hn_assets.mining.output.explain import explain
from hn_assets.report.show import render_dataset
from hn_assets.settings.reference import settings_table
from hn_assets.store import DatasetStore, open_store


@click.group()
def main() -> None:
    """Hard negatives as a Dagster asset graph."""


@main.command()
@click.argument("dataset")
@click.option("--examples", default=3, show_default=True, help="Queries to print.")
def show(dataset: str, examples: int) -> None:
    """Say where DATASET's files lie, with a few examples, and how reliable they are."""
    with _store_of(dataset) as store:
        click.echo(render_dataset(store, examples))


@main.command()
@click.argument("dataset")
@click.argument("query_id")
@click.argument("doc_id")
def why(dataset: str, query_id: str, doc_id: str) -> None:
    """Say why the document DOC_ID is, or is not, a negative of the query QUERY_ID."""
    with _store_of(dataset) as store:
        click.echo(explain(store, query_id, doc_id))


@main.command()
def settings() -> None:
    """Print every setting of a dataset's YAML file as a Markdown table."""
    click.echo(settings_table())


@contextmanager
def _store_of(dataset: str) -> Iterator[DatasetStore]:
    """The dataset's files; what is wrong with them ends the command with one line."""
    try:
        yield open_store(Path.cwd(), dataset, os.environ)
    except (HardNegativesError, RemoteStoreError) as error:
        raise click.ClickException(str(error)) from error
