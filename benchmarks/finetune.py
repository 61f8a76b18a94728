"""A model fine-tuned briefly on negatives of several kinds: does it retrieve better?

    python -m benchmarks.finetune FOLDER [--one-positive] [--seeds 3] [--passes 1] [--length 128]
        [--queries N] [--documents N] [--skip METHOD] [--prior FILE] [--keep PLACE]

FOLDER is in BEIR layout. Without train qrels, half of its queries are held out for the test, with
all their positives. all-MiniLM-L6-v2 is trained on the training queries with the same positives,
steps and number of negatives, which come from: documents at random, hn_mine's window, scores 5 %
below the mean positive (the hardest of them), and hn_assets with nothing but a target rate of 0.01.
With --one-positive, one positive of each training query is visible, and the others are hidden from
mining and from training. Two oracles know them: they take the hardest candidates, and those of
hn_mine's negatives, that are no positives. FILE holds a prior of relevance that was not fitted on
this collection, from `benchmarks.relevance_prior`; without it, it is the one that ships. nDCG@10 is
that of the test queries; differences are over queries, each averaged over the seeds, with a paired
bootstrap. What lies in PLACE is not run again.
"""

import argparse
import json
import random
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ir_measures
import numpy as np
import pandas as pd
from ir_measures import nDCG
from scipy.stats import bootstrap

from benchmarks.finetune_data import HN_MINE, PER_EXAMPLE, RANDOM, Data, Negatives, mine_all
from benchmarks.measure import describe_machine, print_table

BATCH, RATE = 16, 2e-5
UNTOUCHED = "no training"


@dataclass(frozen=True)
class Training:
    """How every model is trained.

    Attributes:
        passes: How often all training queries are gone through, with other negatives each time.
        length: Tokens that are read of a text, in training and after.
        documents: How many documents the test searches beside those that are relevant to a test
            query; all if it is None.
    """

    passes: int
    length: int
    documents: int | None = None


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--one-positive", action="store_true")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--passes", type=int, default=1)
    parser.add_argument("--length", type=int, default=128, help="tokens of a text")
    parser.add_argument("--queries", type=int, help="training queries at most, by hash")
    parser.add_argument("--documents", type=int, help="searched beside the relevant ones, by hash")
    parser.add_argument("--skip", action="append", default=[], help="a method to leave out")
    parser.add_argument("--prior", type=Path, help="a prior that has not seen the collection")
    parser.add_argument("--keep", type=Path, help="where to leave what was measured")
    options = parser.parse_args()
    training = Training(options.passes, options.length, options.documents)
    with tempfile.TemporaryDirectory() as scratch:
        keep = options.keep or Path(scratch)
        keep.mkdir(parents=True, exist_ok=True)
        data = Data(options.folder, one_positive=options.one_positive)
        negatives = {
            method: one.of_queries(options.queries)
            for method, one in mine_all(keep, data, options.prior).items()
            if method not in options.skip
        }
        scores = {UNTOUCHED: np.array([run(keep, data, training, UNTOUCHED, 0, {})])}
        # seeds in the outer loop: what is there when it is cut off is of all methods
        found = {
            (method, seed): run(keep, data, training, method, seed, one.of_query)
            for seed in range(options.seeds)
            for method, one in negatives.items()
        }
        for method in negatives:
            scores[method] = np.array([found[method, seed] for seed in range(options.seeds)])
    print_table(
        f"Fine-tuned on {options.folder.name}, {len(next(iter(negatives.values())).of_query)} "
        f"training queries, {scores[UNTOUCHED].shape[1]} test queries, {options.seeds} seeds, "
        f"{options.passes} passes, {options.length} tokens, "
        f"{len(data.searched(options.documents))} documents. {describe_machine()}",
        [
            "negatives",
            "hidden positives %",
            "mean cosine",
            "nDCG@10",
            "over seeds",
            *(f"beside {other}" for other in (UNTOUCHED, RANDOM, HN_MINE)),
        ],
        [_row(method, scores, negatives.get(method), data) for method in scores],
    )


def _row(
    method: str, scores: dict[str, np.ndarray], negatives: Negatives | None, data: Data
) -> list[str]:
    means = scores[method].mean(axis=1)
    hidden = cosine = ""
    if negatives is not None:
        hidden = f"{100 * negatives.hidden_share(data):.2f}"
        cosine = "" if negatives.mean_cosine is None else f"{negatives.mean_cosine:.3f}"
    return [
        method,
        hidden,
        cosine,
        f"{means.mean():.4f}",
        f"{means.min():.4f} to {means.max():.4f}" if len(means) > 1 else "",
        *(
            "" if method == other else difference(scores[method], scores[other])
            for other in (UNTOUCHED, RANDOM, HN_MINE)
        ),
    ]


def run(
    keep: Path,
    data: Data,
    training: Training,
    method: str,
    seed: int,
    negatives: dict[str, list[str]],
) -> list[float]:
    """nDCG@10 of each test query after training, in the order of their ids."""
    path = keep / f"{''.join(c if c.isalnum() else '_' for c in method)}-{seed}.json"
    if not path.exists():
        from sentence_transformers import SentenceTransformer

        from hn_assets.encoding.models.model import bundled_model_folder

        start = time.perf_counter()
        model = SentenceTransformer(str(bundled_model_folder()), device="cpu")
        model.max_seq_length = training.length
        if negatives:
            train(model, data, negatives, seed, training.passes)
        scores = evaluate(model, data, training.documents)
        path.write_text(json.dumps(scores))
        print(method, seed, np.mean(scores), round(time.perf_counter() - start), flush=True)
    return json.loads(path.read_text())


def train(model: Any, data: Data, negatives: dict[str, list[str]], seed: int, passes: int) -> None:
    """Pass over the queries: a positive and a few of the negatives of each, by chance."""
    import torch
    from sentence_transformers.sentence_transformer.losses import MultipleNegativesRankingLoss

    chance = random.Random(seed)
    torch.manual_seed(seed)
    examples: list[list[str]] = []
    for _ in range(passes):
        start = len(examples)
        for query, found in negatives.items():
            chosen = [chance.choice(data.positives[query]), *chance.sample(found, PER_EXAMPLE)]
            examples.append([data.queries[query], *(data.passages[doc] for doc in chosen)])
        examples[start:] = chance.sample(examples[start:], len(examples) - start)
    loss = MultipleNegativesRankingLoss(model)
    optimizer = torch.optim.AdamW(model.parameters(), lr=RATE)
    steps = len(examples) // BATCH
    model.train()
    for step in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = RATE * min(1, (step + 1) / 5) * (1 - step / steps)
        columns = zip(*examples[step * BATCH : (step + 1) * BATCH], strict=True)
        features = [model.preprocess(list(column)) for column in columns]
        optimizer.zero_grad()
        with torch.autocast("cpu", torch.bfloat16):
            value = loss(features, torch.empty(0))
        value.backward()
        optimizer.step()
    model.eval()


def evaluate(model: Any, data: Data, most: int | None) -> list[float]:
    """nDCG@10 of each test query, by exact search over the corpus, or over `most` others of it."""
    ids, asked = data.searched(most), sorted(set(data.test.query_id))
    half = model.bfloat16()  # it is not trained any more
    passages, queries = (
        half.encode(texts, batch_size=32, convert_to_numpy=True, normalize_embeddings=True)
        for texts in ([data.passages[i] for i in ids], [data.queries[i] for i in asked])
    )
    scores = queries.astype(np.float32) @ passages.astype(np.float32).T
    best = np.argsort(-scores, axis=1)[:, :100]
    ranked = pd.DataFrame(
        {
            "query_id": np.repeat(asked, best.shape[1]),
            "doc_id": np.array(ids, object)[best.ravel()],
            "score": np.take_along_axis(scores, best, 1).ravel(),
        }
    )
    found = {m.query_id: m.value for m in ir_measures.iter_calc([nDCG @ 10], data.test, ranked)}
    return [float(found[query]) for query in asked]


def difference(ours: np.ndarray, theirs: np.ndarray) -> str:
    """Mean difference over queries, each averaged over seeds, with its 95 % interval."""
    each = ours.mean(axis=0) - theirs.mean(axis=0)
    interval = bootstrap((each,), np.mean, rng=np.random.default_rng(0)).confidence_interval
    return f"{each.mean():+.4f} ({interval.low:+.4f} to {interval.high:+.4f})"


if __name__ == "__main__":
    main()
