"""A collection of any size in BEIR layout, whose texts are generated: words that share a topic.

The size of MS MARCO's passages can be had without MS MARCO: what is measured on it is time and
memory, and nothing of what is retrieved.
"""

import json
import shutil
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

PASSAGE_WORDS, QUERY_WORDS = 20, 6
TOPIC_WORDS = 40
PASSAGES_PER_TOPIC = 200
COMMON_WORDS = 2_000
BLOCK = 100_000
CHANGED = 2_000  # one passage in so many is changed at a refresh, and as many are new
SECOND_POSITIVES = 0.06  # of the queries, as in MS MARCO: 532,751 judgements of 502,939 queries
TEST_SHARE = 0.01


def write_collection(folder: Path, passages: int, queries: int, words: list[str]) -> None:
    """Write corpus.jsonl, queries.jsonl, and the qrels of the splits train and test.

    A passage has words of its topic and common ones; a query has words of the passage that answers
    it. Some queries have a second positive of the same topic. Nothing is random but by the size.

    Args:
        folder: Where to write.
        passages: How many passages.
        queries: How many queries, those of the test split counted.
        words: Words to choose from, the common ones first.
    """
    (folder / "qrels").mkdir(parents=True, exist_ok=True)
    vocabulary = np.array(words)
    topics = _topics(-(-passages // PASSAGES_PER_TOPIC), len(words))
    asked = np.sort(np.random.default_rng(1).choice(passages, queries, replace=False))
    with (
        (folder / "corpus.jsonl").open("w") as corpus,
        (folder / "queries.jsonl").open("w") as out,
        (folder / "qrels" / "train.tsv").open("w") as train,
        (folder / "qrels" / "test.tsv").open("w") as test,
    ):
        for file in (train, test):
            file.write("query-id\tcorpus-id\tscore\n")
        for first in range(0, passages, BLOCK):
            generator = np.random.default_rng((2, first))
            rows = np.arange(first, min(first + BLOCK, passages))
            chosen = _passage_words(rows, topics, generator)
            corpus.writelines(
                f'{{"_id": "{row}", "text": {json.dumps(" ".join(text))}}}\n'
                for row, text in zip(rows, vocabulary[chosen], strict=True)
            )
            numbers = np.arange(*np.searchsorted(asked, [first, first + BLOCK]))
            places = generator.random((len(numbers), PASSAGE_WORDS)).argsort(axis=1)[
                :, :QUERY_WORDS
            ]
            texts = vocabulary[np.take_along_axis(chosen[asked[numbers] - first], places, axis=1)]
            chances = generator.random((len(numbers), 2))
            for number, text, (is_test, has_second) in zip(numbers, texts, chances, strict=True):
                row = {"_id": f"q{number}", "text": " ".join([*text, str(number)])}
                out.write(json.dumps(row) + "\n")
                file = test if is_test < TEST_SHARE else train
                positive = int(asked[number])
                file.write(f"q{number}\t{positive}\t1\n")
                if has_second < SECOND_POSITIVES:
                    file.write(f"q{number}\t{(positive + len(topics)) % passages}\t1\n")


def change_collection(folder: Path, queries: int) -> tuple[int, int]:
    """Change one passage in `CHANGED`, and add as many passages, and queries that they answer.

    A changed passage has half of the words of the one before it, and a new one the other half of
    both. Files are replaced in one step each, so that links to them stay as they are.

    Args:
        folder: From `write_collection`.
        queries: How many queries to add to the split train; at most as many as there are new
            passages.

    Returns:
        How many passages were changed, and how many queries added; as many passages as were
        changed are new.
    """
    added: list[str] = []
    before: list[str] = []
    with (folder / "corpus.jsonl").open() as old, (folder / "corpus.new").open("w") as new:
        for row, line in enumerate(old):
            if row % CHANGED == CHANGED - 1:
                before = json.loads(line)["text"].split()
            if row % CHANGED or not before:
                new.write(line)
                continue
            passage = json.loads(line)
            words = passage["text"].split()
            half = len(words) // 2
            passage["text"] = " ".join(words[:half] + before[half:])
            new.write(json.dumps(passage) + "\n")
            added.append(" ".join(words[half:] + before[:half]))
        new.writelines(
            json.dumps({"_id": f"new{number}", "text": text}) + "\n"
            for number, text in enumerate(added)
        )
    asked = added[:queries]
    texts = [" ".join([*text.split()[:QUERY_WORDS], "new", str(n)]) for n, text in enumerate(asked)]
    _append(
        folder / "queries.jsonl",
        [json.dumps({"_id": f"qnew{n}", "text": text}) + "\n" for n, text in enumerate(texts)],
    )
    _append(folder / "qrels" / "train.tsv", [f"qnew{n}\tnew{n}\t1\n" for n in range(len(texts))])
    (folder / "corpus.new").replace(folder / "corpus.jsonl")
    return len(added), len(texts)


def _append(path: Path, lines: list[str]) -> None:
    new = path.with_suffix(".new")
    shutil.copyfile(path, new)
    with new.open("a") as file:
        file.writelines(lines)
    new.replace(path)


def _topics(count: int, words: int) -> NDArray[np.int64]:
    """The words of each topic, by their numbers; (topics, words)."""
    return np.random.default_rng(0).integers(COMMON_WORDS, words, (count, TOPIC_WORDS))


def _passage_words(
    rows: NDArray[np.int64], topics: NDArray[np.int64], generator: np.random.Generator
) -> NDArray[np.int64]:
    """The words of each passage, by their numbers; (passages, words)."""
    own = generator.integers(0, TOPIC_WORDS, (len(rows), PASSAGE_WORDS))
    chosen = np.take_along_axis(topics[rows % len(topics)], own, axis=1)
    # common words are the more frequent, the earlier they stand
    common = (COMMON_WORDS * generator.random(chosen.shape) ** 3).astype(np.int64)
    return np.where(generator.random(chosen.shape) < 0.4, common, chosen)
