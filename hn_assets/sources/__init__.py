"""From raw data to checked Parquet tables of documents, queries and qrels.

A source yields records, each with the place it came from; `ingest` checks that they fit
together and writes the tables that every later stage reads. One module of `kinds` is one kind of
source with its settings. Models, rankings and negatives do not belong here.
"""

from hn_assets.sources.open_source import open_source
from hn_assets.sources.protocol import Document, Qrel, Query, Source, SourceSettings

__all__ = ["Document", "Qrel", "Query", "Source", "SourceSettings", "open_source"]
