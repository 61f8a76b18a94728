"""Where filters leave many queries short, a share of them is searched deeper: what is allowed."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from hn_assets.evaluation.checks.kinds.negatives import negatives_are_enough
from hn_assets.mining import deeper_budget
from hn_assets.mining.data.candidate_block import CandidateBlock
from hn_assets.mining.data.mining_files import MiningFiles
from hn_assets.mining.deeper_budget import FREE_CANDIDATES, SAMPLE, share_within_budget
from hn_assets.mining.output.mining_report import MiningReport
from hn_assets.mining.session import MiningSession
from hn_assets.settings.filters import FiltersSettings
from hn_assets.settings.mining import MiningSettings
from hn_assets.settings.search import SearchSettings
from hn_assets_tests.mining.dataset_files import write_dataset
from hn_assets_tests.mining.ranked_dataset import RankedDataset

QUERIES, DEPTH, MAX_DEPTH = 120, 6, 20
# of the six candidates of a query four are rejected and one is its positive
FILTERS = {"max_score": 0.955, "max_search_depth": MAX_DEPTH}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> MiningFiles:
    dataset = RankedDataset(queries=QUERIES, documents=30, depth=DEPTH)
    return write_dataset(dataset, tmp_path_factory.mktemp("budget"))


@pytest.fixture
def nothing_free(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deeper_budget, "FREE_CANDIDATES", 0)


def mine(
    files: MiningFiles, tmp_path: Path, *, seed: int = 1, **filters: float
) -> tuple[dict[str, int], MiningReport]:
    """How many negatives each query has, and the report."""
    mining = {"range_min": 0, "range_max": DEPTH, "num_negatives": 4, "sampling": "top"}
    session = MiningSession.open(
        files,
        mining=MiningSettings.model_validate({**mining, "seed": seed}),
        filters=FiltersSettings.model_validate({**FILTERS, **filters}),
        search=SearchSettings(),
        include_title=True,
    )
    chosen, report = session.mine(tmp_path / "ledger.parquet")
    counts = chosen.table()["query_id"].value_counts().to_pylist()
    return {row["values"]: row["counts"] for row in counts}, report


def test_a_small_collection_is_searched_deeper_whatever_the_budget(
    files: MiningFiles, tmp_path: Path
) -> None:
    counts, report = mine(files, tmp_path, deeper_search_budget=0)
    assert set(counts.values()) == {4}
    assert (report.deepened, report.left_short, report.enough) == (QUERIES, 0, QUERIES)


@pytest.mark.usefixtures("nothing_free")
def test_a_share_of_the_queries_is_searched_deeper_and_the_others_keep_what_they_have(
    files: MiningFiles, tmp_path: Path
) -> None:
    # a deeper search looks at 20 candidates, and the rankings hold 6
    counts, report = mine(files, tmp_path, deeper_search_budget=1)
    assert report.deepened + report.left_short == QUERIES
    assert 0.15 < report.deepened / QUERIES < 0.45  # 0.3 on average
    assert sorted(counts.values()) == [1] * report.left_short + [4] * report.deepened
    assert (report.enough, report.too_few) == (report.deepened, report.left_short)
    assert report.candidates == DEPTH * report.left_short + MAX_DEPTH * report.deepened
    # who is searched deeper depends on the seed and its own id
    assert mine(files, tmp_path, deeper_search_budget=1)[0] == counts
    assert mine(files, tmp_path, deeper_search_budget=1, seed=2)[0] != counts
    more, _ = mine(files, tmp_path, deeper_search_budget=2)
    assert sum(more.values()) > sum(counts.values())
    assert all(more[query] >= count for query, count in counts.items())
    everyone, report = mine(files, tmp_path, deeper_search_budget=10)
    assert set(everyone.values()) == {4} and report.left_short == 0
    nobody, report = mine(files, tmp_path, deeper_search_budget=0)
    assert set(nobody.values()) == {1} and report.deepened == 0


@pytest.mark.usefixtures("nothing_free")
def test_the_budget_is_that_of_the_short_queries_alone(files: MiningFiles, tmp_path: Path) -> None:
    _, report = mine(files, tmp_path, deeper_search_budget=1, max_score=0.995)
    assert (report.deepened, report.left_short, report.enough) == (0, 0, QUERIES)


@pytest.mark.parametrize("short", [0.0, 0.02, 0.9])
def test_so_many_are_searched_that_the_candidates_they_are_shown_fill_the_budget(
    short: float,
) -> None:
    queries, depth, max_depth, budget = 40_000, 200, 1_800, 0.5
    generator = np.random.default_rng(0)
    keys, is_short = generator.random(queries), generator.random(queries) < short
    mined = np.arange(queries) % 10 > 0
    seen: list[int] = []

    def blocks(wanted: NDArray[np.bool_]) -> list[CandidateBlock]:
        rows = np.flatnonzero(mined & wanted)
        parts = np.array_split(rows, 7)
        nothing = (np.zeros((len(part), 1)) for part in parts)
        return [CandidateBlock(p, n.astype(np.int64), n) for p, n in zip(parts, nothing)]  # type: ignore[arg-type] # noqa: B905

    def count_short(block: CandidateBlock) -> int:
        seen.extend(block.queries.tolist())
        return int(is_short[block.queries].sum())

    share = share_within_budget(
        blocks, count_short, keys, mined, candidates=depth, max_depth=max_depth, budget=budget
    )
    assert len(seen) == SAMPLE
    found = mined & is_short & (keys <= share)
    allowed = max(budget * depth * mined.sum(), FREE_CANDIDATES)
    spent = found.sum() * (800 + 1_800)
    assert spent < 1.1 * allowed
    if short > 0.5:
        assert spent > 0.9 * allowed
    else:
        assert share == 1


def test_the_check_says_how_many_the_budget_left_short() -> None:
    assert "not searched deeper" not in negatives_are_enough(90, 100, 15, 0.5).message
    told = negatives_are_enough(40, 100, 15, 0.5, left_short=30)
    assert not told.passed and told.figures["left_short"] == 30
    assert "30 of the others were not searched deeper" in told.message
