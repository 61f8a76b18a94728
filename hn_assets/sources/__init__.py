"""Raw data to checked tables: one module per kind of source, `collect` for all of them.

A source yields documents, queries and qrels with the place each came from. `collect` checks that
they fit together and writes the Parquet files that everything later reads.
"""

from hn_assets.sources.factory import open_source
from hn_assets.sources.protocol import Document, Qrel, Query, Source

__all__ = ["Document", "Qrel", "Query", "Source", "open_source"]
