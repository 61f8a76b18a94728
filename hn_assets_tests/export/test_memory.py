"""The texts that training examples need are kept by Arrow, not as Python's strings."""

from pathlib import Path

from hn_assets.export.base.examples import Examples
from hn_assets_tests.many_negatives import write_many_negatives
from hn_assets_tests.peak_memory import peak_memory


def test_an_example_takes_few_bytes(tmp_path: Path) -> None:
    files = write_many_negatives(tmp_path)
    with peak_memory() as peak:
        examples = Examples(
            corpus=files.corpus,
            queries=files.queries,
            qrels=files.qrels,
            hard_negatives=files.negatives,
            split="train",
            include_title=True,
        )
    first = next(iter(examples))
    assert (examples.negatives, len(first.negatives)) == (files.count, 15)
    assert first.positives[0].text == f"what document {first.positives[0].id[9:]} says"
    # with a dictionary of texts it was 447 for each negative
    assert peak.bytes < 350 * files.count
