"""The graph with a second encoder among its retrievers: its vectors are kept and not pruned."""

from pathlib import Path

from hn_assets.encoding.vectors.recorded_versions import prune
from hn_assets_tests.assets.animals_dataset import AnimalsDataset, told

SHALLOW = {"mining": {"range_min": 0, "range_max": 8, "num_negatives": 4}}


def test_a_second_encoder_encodes_each_text_once_and_keeps_its_vectors(
    tmp_path: Path, model: Path
) -> None:
    def graph(depth: int = 8) -> AnimalsDataset:
        encoding = {"model": str(model), "pooling": "mean"}
        second = {"type": "dense", "name": "second", "encoding": encoding}
        return AnimalsDataset(
            tmp_path, retrievers=[{"type": "bm25"}, second], search={"depth": depth}, **SHALLOW
        )

    stages = ["corpus", "queries", "qrels", "candidates_second"]
    said = told(graph().materialize(*stages))["candidates_second"]
    assert said["texts_encoded"] > 0
    assert said["unchanged"] is False
    assert not prune(graph().store.vectors, 1, really=False).vectors  # all of them are in use
    assert told(graph().materialize(*stages))["candidates_second"]["unchanged"] is True
    said = told(graph(depth=9).materialize(*stages))["candidates_second"]
    assert (said["texts_encoded"], said["depth"]) == (0, 9)
