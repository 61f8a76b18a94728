"""Mine block after block, in this process or on the nodes of a cluster.

Files go to a node once, then blocks of candidates, and tables come back.
"""

import io
import os
import pickle
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from hn_assets.cluster.ray_cluster import RayCluster, RayWorkers
from hn_assets.cluster.shipped_files import ShippedFiles
from hn_assets.mining.data.candidate_block import CandidateBlock
from hn_assets.mining.data.mining_files import MiningFiles
from hn_assets.mining.mine_block import MinedBlock, mine_block
from hn_assets.mining.miner import Miner

KEPT_DAYS = 1  # on the nodes: the next version of a dataset has other vectors


@dataclass(frozen=True)
class BlockJob:
    """A block that a node is to mine.

    Attributes:
        block: The candidates of some queries.
        with_ledger: Whether the ledger is wanted, too.
    """

    block: CandidateBlock
    with_ledger: bool


class NodeMining:
    """Mines blocks; made on a node.

    Args:
        device: The torch device, which is not used.
        folder: The folder of the files that were sent.
        miner: What mines, pickled, with its files named by their paths in the folder.

    Attributes:
        report: Nothing is to be said of how blocks are mined.
    """

    report = None

    def __init__(self, device: str, folder: Path | None, *, miner: bytes) -> None:
        assert folder is not None, "the vectors were sent"
        self._miner: Miner = _WithFiles(folder, miner).load()

    def compute(self, jobs: Iterable[BlockJob]) -> Iterator[tuple[BlockJob, MinedBlock]]:
        """Each job with what came of it."""
        for job in jobs:
            yield job, mine_block(self._miner, job.block, with_ledger=job.with_ledger)


def mine_blocks(
    miner: Miner,
    blocks: Iterable[CandidateBlock],
    files: MiningFiles,
    connect: Callable[[], RayCluster] | None = None,
    *,
    with_ledger: bool = True,
) -> Iterator[MinedBlock]:
    """What came of each block, in the order of the blocks.

    Args:
        miner: What mines.
        blocks: The candidates.
        files: The files of the dataset.
        connect: Connects to the cluster whose nodes mine; None if this process does.
        with_ledger: Whether the ledger is wanted, too.

    Raises:
        ClusterError: The cluster cannot be used, or is lost.
        WorkerError: Workers die again and again.
    """
    if connect is None:
        for block in blocks:
            yield mine_block(miner, block, with_ledger=with_ledger)
        return
    read = [files.corpus_embeddings, files.query_embeddings]
    if miner.searches_deeper:
        read += [files.faiss_index, files.faiss_index_ids]
    paths = sorted(path.absolute() for path in read)
    folder = Path(os.path.commonpath([path.parent for path in paths]))
    load = partial(NodeMining, miner=pickle_without_files(miner, folder, paths))
    with connect() as cluster:
        sent = ShippedFiles.of(folder, folder.name or "root", paths, kept_days=KEPT_DAYS)
        workers: RayWorkers[BlockJob] = RayWorkers(cluster, load, sent, "mines")
        jobs = (BlockJob(block, with_ledger) for block in blocks)
        for _, mined in workers.compute(jobs, in_order=True):
            yield mined


def pickle_without_files(miner: Miner, folder: Path, files: Iterable[Path]) -> bytes:
    """What mines, pickled for `NodeMining`.

    Args:
        miner: What mines.
        folder: A folder that the files are in.
        files: The files that it reads, by their whole paths.
    """
    content = io.BytesIO()
    _WithoutFiles(folder, files, content).dump(miner)
    return content.getvalue()


class _WithoutFiles(pickle.Pickler):
    """Pickles what reads files: a path is pickled as what it is called within a folder."""

    def __init__(self, folder: Path, files: Iterable[Path], content: io.BytesIO) -> None:
        super().__init__(content, protocol=pickle.HIGHEST_PROTOCOL)
        self._folder, self._files = folder, set(files)

    def persistent_id(self, obj: Any) -> str | None:
        if isinstance(obj, Path) and (path := obj.absolute()) in self._files:
            return path.relative_to(self._folder).as_posix()
        return None


class _WithFiles(pickle.Unpickler):
    """Reads that, with the paths in the folder of this node."""

    def __init__(self, folder: Path, content: bytes) -> None:
        super().__init__(io.BytesIO(content))
        self._folder = folder

    def persistent_load(self, pid: str) -> Path:
        return self._folder / pid
