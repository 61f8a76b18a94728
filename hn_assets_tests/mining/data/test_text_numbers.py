"""Equal texts have equal numbers, and texts must be those of the vectors."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from hn_assets.errors import StoreError
from hn_assets.mining.data.text_numbers import number_texts


def test_texts_are_equal_however_they_are_spaced_and_cased(tmp_path: Path) -> None:
    corpus, queries = tmp_path / "corpus.parquet", tmp_path / "queries.parquet"
    rows = [("a", "", "Heart  attack"), ("b", "Heart", "attack "), ("c", "", " "), ("d", "", "x")]
    pq.write_table(
        pa.table(dict(zip(["id", "title", "text"], zip(*rows, strict=True), strict=True))), corpus
    )
    pq.write_table(pa.table({"id": ["q"], "text": ["heart\nATTACK"]}), queries)
    ids = {"document_ids": ["a", "b", "c", "d"], "query_ids": ["q"]}
    texts = number_texts(corpus, queries, include_title=True, **ids)
    assert texts.documents[0] == texts.documents[1] == texts.queries[0]
    assert texts.documents[2] == texts.empty
    without = number_texts(corpus, queries, include_title=False, **ids)
    assert without.documents[0] != without.documents[1]
    for other in (["a", "b", "d", "c"], ["a", "b", "c"], ["a", "b", "c", "d", "e"]):
        with pytest.raises(StoreError, match="do not hold the same texts"):
            number_texts(corpus, queries, include_title=True, document_ids=other, query_ids=["q"])
