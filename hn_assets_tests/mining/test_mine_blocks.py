"""Blocks are mined by a node's own files as they are mined here."""

import shutil
from pathlib import Path

from hn_assets.mining.data.candidate_block import read_candidate_blocks
from hn_assets.mining.mine_block import mine_block
from hn_assets.mining.mine_blocks import BlockJob, NodeMining, pickle_without_files
from hn_assets.settings.filters import FiltersSettings
from hn_assets_tests.mining.dataset_files import write_dataset
from hn_assets_tests.mining.ranked_dataset import RankedDataset
from hn_assets_tests.mining.test_session import open_session


def test_a_node_mines_by_the_files_in_its_own_folder(tmp_path: Path) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    here.mkdir()
    files = write_dataset(RankedDataset(queries=4, documents=30, depth=6), here)
    (here / "answers.jsonl").write_text('{"query_id": "q1", "answers": ["Number D4"]}\n')
    filters = FiltersSettings(answers="answers.jsonl", max_search_depth=20, max_score=0.955)
    session = open_session(files, filters, mining={"random_share": 0.5})
    miner = session.miner()
    block, _ = read_candidate_blocks(files.candidates, session.dataset)
    expected = mine_block(miner, block)
    assert expected.counts.deepened == 3
    read = [getattr(files, name) for name in ("corpus_embeddings", "query_embeddings")]
    content = pickle_without_files(miner, here, [*read, files.faiss_index, files.faiss_index_ids])
    shutil.move(here, there)
    node = NodeMining("cpu", there, miner=content)
    jobs = [BlockJob(block, True), BlockJob(block, False)]
    (_, mined), (_, again) = node.compute(jobs)
    assert mined.ledger == expected.ledger
    assert mined.negatives == again.negatives == expected.negatives
    assert again.ledger == []
    assert mined.counts.deepened == again.counts.deepened == 3
