"""A model fine-tuned briefly on negatives of several kinds: does it retrieve better?

    python -m benchmarks.finetune FOLDER [--seeds 3] [--keep PLACE]

FOLDER is in BEIR layout with train and test qrels. all-MiniLM-L6-v2 is trained on its training
queries with the same positives, steps and number of negatives, which come from: documents at
random, hn_mine's window, scores 5 % below the mean positive (the hardest of them), and hn_assets
with nothing but a target rate of 0.01. nDCG@10 is that of the test queries; differences are over
queries, each averaged over the seeds, with a paired bootstrap. What lies in PLACE is not run again.
"""

import argparse
import json
import random
import tempfile
import time
from pathlib import Path
from typing import Any

import ir_measures
import numpy as np
import pandas as pd
from ir_measures import nDCG
from scipy.stats import bootstrap

from benchmarks.measure import describe_machine, materialize, metadata, print_table, write_project

PER_EXAMPLE = 2  # negatives of the 15 that an example is trained with
BATCH, RATE, LENGTH = 16, 2e-5, 128  # LENGTH: tokens, in training and after
RANDOM, UNTOUCHED = "random documents", "no training"
METHODS: dict[str, dict[str, Any]] = {
    "hn_mine's window": {
        "mining": {
            "range_min": 10,
            "range_max": 210,
            "range_counts": "including_positives",
            "sampling": "random",
        }
    },
    "5 % below the mean positive": {
        "mining": {"range_min": 0, "range_max": 210, "sampling": "top"},
        "filters": {"relative_margin": 0.05},
    },
    "hn_assets, target 0.01": {"filters": {"target_false_negative_rate": 0.01}},
}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--keep", type=Path, help="where to leave what was measured")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        keep = options.keep or Path(scratch)
        keep.mkdir(parents=True, exist_ok=True)
        data = Data(options.folder)
        negatives, plans = mine_all(options.folder, keep, data)
        # seeds in the outer loop: what is there when it is cut off is of all methods
        found = {
            (method, seed): run(keep, data, method, seed, of_query)
            for seed in range(options.seeds)
            for method, of_query in negatives.items()
        }
        scores = {UNTOUCHED: np.array([run(keep, data, UNTOUCHED, 0, {})])}
        for method in negatives:
            scores[method] = np.array([found[method, seed] for seed in range(options.seeds)])
    rows: list[tuple[object, ...]] = []
    for method, per_seed in scores.items():
        differences = [
            "" if method == other else difference(per_seed, scores[other])
            for other in (RANDOM, "hn_mine's window")
        ]
        means = per_seed.mean(axis=1)
        spread = f"{means.min():.4f} to {means.max():.4f}" if len(means) > 1 else ""
        rows.append((method, f"{means.mean():.4f}", spread, *differences, plans.get(method, "")))
    print_table(
        f"Fine-tuned on {options.folder.name}, {options.seeds} seeds. {describe_machine()}",
        ["negatives", "nDCG@10", "over seeds", "beside random", "beside hn_mine's", "plan"],
        rows,
    )


class Data:
    """Texts and qrels of a BEIR folder; passages with their titles."""

    def __init__(self, folder: Path) -> None:
        with (folder / "corpus.jsonl").open(encoding="utf-8") as file:
            rows = [json.loads(line) for line in file]
        self.passages = {r["_id"]: f"{r.get('title', '')} {r['text']}".strip() for r in rows}
        with (folder / "queries.jsonl").open(encoding="utf-8") as file:
            self.queries = {r["_id"]: r["text"] for r in map(json.loads, file)}
        self.train, self.test = (
            pd.read_csv(folder / "qrels" / f"{split}.tsv", sep="\t", dtype=str).set_axis(
                ["query_id", "doc_id", "relevance"], axis=1
            )
            for split in ("train", "test")
        )
        self.test["relevance"] = self.test.relevance.astype(int)
        self.positives = {
            query: list(group.doc_id)
            for query, group in self.train[self.train.relevance.astype(int) > 0].groupby("query_id")
        }


def mine_all(
    folder: Path, keep: Path, data: Data
) -> tuple[dict[str, dict[str, list[str]]], dict[str, str]]:
    """Negatives by method and query, and the plan of each; those of real runs of the graph."""
    kept = keep / "negatives.json"
    if kept.exists():
        found, plans = json.loads(kept.read_text())
        return found, plans
    found, plans = {}, {}
    source = {"type": "beir", "folder": str(folder.resolve())}
    for method, settings in METHODS.items():
        write_project(keep / "graph", "tuned", {"source": source, **settings})
        materialize(keep / "graph", "tuned")
        table = pd.read_parquet(
            keep / "graph/data/tuned/hard_negatives/latest/hard_negatives.parquet"
        )
        found[method] = {q: list(group.doc_id) for q, group in table.groupby("query_id")}
        plans[method] = metadata(keep / "graph", "tuned", "hard_negatives")["plan"]
    # the same queries for all, so that only the negatives differ
    shared = set.intersection(
        *({q for q, docs in of.items() if len(docs) >= PER_EXAMPLE} for of in found.values())
    )
    ids = sorted(data.passages)
    chance = random.Random(0)
    found[RANDOM] = {
        query: [d for d in chance.sample(ids, 20) if d not in data.positives[query]][:15]
        for query in sorted(shared)
    }
    found = {RANDOM: found.pop(RANDOM), **found}
    found = {m: {q: of[q] for q in sorted(shared)} for m, of in found.items()}
    kept.write_text(json.dumps([found, plans]))
    return found, plans


def run(
    keep: Path, data: Data, method: str, seed: int, negatives: dict[str, list[str]]
) -> list[float]:
    """nDCG@10 of each test query after training, in the order of their ids."""
    path = keep / f"{''.join(c if c.isalnum() else '_' for c in method)}-{seed}.json"
    if not path.exists():
        from sentence_transformers import SentenceTransformer

        from hn_assets.encoding.models.model import bundled_model_folder

        start = time.perf_counter()
        model = SentenceTransformer(str(bundled_model_folder()), device="cpu")
        model.max_seq_length = LENGTH
        if negatives:
            train(model, data, negatives, seed)
        scores = evaluate(model, data)
        path.write_text(json.dumps(scores))
        print(method, seed, np.mean(scores), round(time.perf_counter() - start), flush=True)
    return json.loads(path.read_text())


def train(model: Any, data: Data, negatives: dict[str, list[str]], seed: int) -> None:
    """One pass over the queries: a positive and a few of the negatives of each, by chance."""
    import torch
    from sentence_transformers.sentence_transformer.losses import MultipleNegativesRankingLoss

    chance = random.Random(seed)
    torch.manual_seed(seed)
    examples: list[list[str]] = []
    for query, found in negatives.items():
        chosen = [chance.choice(data.positives[query]), *chance.sample(found, PER_EXAMPLE)]
        examples.append([data.queries[query], *(data.passages[doc] for doc in chosen)])
    chance.shuffle(examples)
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


def evaluate(model: Any, data: Data) -> list[float]:
    """nDCG@10 of each test query, by exact search over the whole corpus."""
    ids, asked = list(data.passages), sorted(set(data.test.query_id))
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
