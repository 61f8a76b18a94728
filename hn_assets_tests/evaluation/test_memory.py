"""What looks at the negatives of a refresh takes little memory for each of them."""

from pathlib import Path

import pytest

from hn_assets.evaluation import drift
from hn_assets.evaluation.checks.kinds.negatives import no_positive_among_negatives
from hn_assets_tests.many_negatives import ManyNegatives, write_many_negatives
from hn_assets_tests.peak_memory import peak_memory


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> ManyNegatives:
    return write_many_negatives(tmp_path_factory.mktemp("many"))


def test_two_refreshes_are_compared(
    files: ManyNegatives, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drift, "ROWS_AT_ONCE", 2_000, raising=False)
    kept = tmp_path / "negatives.parquet", tmp_path / "documents.parquet"
    drift.Snapshot.take(files.negatives, files.vectors).write(*kept)
    with peak_memory() as peak:
        now = drift.Snapshot.take(files.negatives, files.vectors)
        found = drift.compare(drift.Snapshot.read(*kept), now)
    assert (found.overlap, found.queries_kept, found.documents_changed) == (1, 2_000, 0)
    # data frames took 845
    assert peak.bytes < 500 * files.count


def test_a_positive_is_looked_for_among_them(
    files: ManyNegatives, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hn_assets.mining.output.find_positives.ROWS_AT_ONCE", 2_000, raising=False)
    with peak_memory() as peak:
        found = no_positive_among_negatives(
            files.negatives, files.qrels, files.corpus, include_title=True
        )
    # with names it was 342
    assert found.passed and found.figures["negatives"] == files.count
    assert peak.bytes < 250 * files.count
