"""Tournaments of plans, and what their winners are worth on queries that no tournament has seen.

    python -m benchmarks.negatives_trial KEEP SOURCE... [--layers 2] [--seeds 3] [--budget 60]
        [--steps 50] [--length 64] [--rate 1e-4] [--repeats 4] [--most 8]

SOURCE is a folder in BEIR layout, or python_stdlib. Of a collection without training queries, half
become that, by the hash of their ids. A tournament is held in the graph, with its default plans;
then a model is trained with each plan on all training queries, with as many seeds as are asked for,
and judged on the test queries, once. KEEP is a folder for what was measured: what lies there is not
run again.
"""

import argparse
import hashlib
import json
import logging
import tempfile
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import bootstrap

from benchmarks.measure import describe_machine, materialize, print_table, write_project
from hn_assets.assets import negatives_trial as asset
from hn_assets.pipeline.dataset import Dataset
from hn_assets.pipeline.mining_inputs import open_mining_session
from hn_assets.pipeline.stage_context import SharedWork, StageContext
from hn_assets.pipeline.trial_inputs import (
    examples_with,
    make_bench,
    plans_of,
    training_of_a_run,
)
from hn_assets.settings.dataset import DatasetSettings
from hn_assets.store import layout
from hn_assets.trial.mine_plans import mine_plans, shared_queries
from hn_assets.trial.outcome import TrialOutcome, read_outcome
from hn_assets.trial.stand_in import write_stand_in
from hn_assets.trial.train_and_judge import examples_of

FIXED = ("random documents", "hn_mine", "5 % margin")
DATASET = "tried"


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("keep", type=Path)
    parser.add_argument("sources", nargs="+")
    parser.add_argument("--layers", type=int)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--budget", type=float, default=60.0, help="minutes of a tournament")
    parser.add_argument("--steps", type=int)
    parser.add_argument("--length", type=int, default=128, help="tokens, in training and after")
    parser.add_argument("--repeats", type=int, default=4)
    parser.add_argument("--most", type=int, default=8, help="repeats of a plan at most")
    parser.add_argument("--epochs", type=float, default=1.0)
    parser.add_argument("--rate", type=float, default=2e-5, help="learning rate")
    options = parser.parse_args()
    found = {source: judge(source, options) for source in options.sources}
    for name, (outcome, scores) in found.items():
        report(Path(name).name, outcome, scores)
    summarize(found)


def judge(source: str, options: argparse.Namespace) -> tuple[TrialOutcome, dict[str, np.ndarray]]:
    """The outcome of the tournament, and nDCG@10 of each plan: float64, (seeds, test queries)."""
    folder = options.keep / Path(source).name
    folder.mkdir(parents=True, exist_ok=True)
    attributes = attributes_for(source, folder, options)
    done = folder / "data" / DATASET / "negatives_trial" / "latest" / "outcome.json"
    if not done.exists():
        write_project(folder, DATASET, attributes)
        mined = f'+key:"{DATASET}/hard_negatives"'  # and what comes before it
        print(
            f"{source}: graph with tournament, {materialize(folder, DATASET, mined):.0f} s",
            flush=True,
        )
    return read_outcome(done), judge_plans(folder, attributes, options)


def attributes_for(source: str, folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    """The attributes of the dataset's YAML file."""
    trial = {
        "budget_minutes": options.budget,
        "min_repeats": options.repeats,
        "max_repeats": options.most,
        "max_steps": options.steps,
        "layers": options.layers,
    }
    return {
        "source": source_of(source, folder / "split"),
        "encoding": {"passage_max_length": options.length},
        "mining": {"plan": "tournament"},
        "filters": {"target_false_negative_rate": 0.01},
        "training": {"learning_rate": options.rate, "epochs": options.epochs},
        "trial": {key: value for key, value in trial.items() if value is not None},
    }


def source_of(source: str, target: Path) -> dict[str, Any]:
    """The section `source`; a collection without training queries is split in two."""
    if source == "python_stdlib":
        return {"type": "python_stdlib"}
    folder = Path(source).resolve()
    if not (folder / "qrels" / "train.tsv").exists():
        (target / "qrels").mkdir(parents=True, exist_ok=True)
        for name in ("corpus.jsonl", "queries.jsonl"):
            (target / name).unlink(missing_ok=True)
            (target / name).symlink_to(folder / name)
        qrels = pd.read_csv(folder / "qrels" / "test.tsv", sep="\t", dtype=str)
        query = qrels.columns[0]
        odd = qrels[query].map(lambda q: hashlib.sha256(q.encode()).digest()[0] % 2 == 1)
        for name, part in (("train", qrels[odd]), ("test", qrels[~odd])):
            part.to_csv(target / "qrels" / f"{name}.tsv", sep="\t", index=False)
        folder = target
    return {"type": "beir", "folder": str(folder.resolve())}


def judge_plans(
    folder: Path, attributes: dict[str, Any], options: argparse.Namespace
) -> dict[str, np.ndarray]:
    """Train with each plan on all training queries, and judge on the test queries."""
    settings = DatasetSettings.model_validate(attributes)
    shared_work = SharedWork()
    context = StageContext(
        Dataset(DATASET, settings, folder),
        asset.STAGE.writes,
        asset.STAGE.reads,
        logging.getLogger("benchmark"),
        shared_work,
    )
    training = training_of_a_run(context)
    qrels = pd.read_parquet(context.input(layout.QRELS))
    test = qrels[(qrels.split == "test") & (qrels.score > 0)]
    judging = sorted(set(test.query_id))
    with closing(shared_work), tempfile.TemporaryDirectory() as scratch:
        mined = mine_plans(
            replace(open_mining_session(context, own_settings=True), teacher=None),
            plans_of(settings),
            Path(scratch),
            negatives_per_example=training.negatives_per_example,
            log=lambda line: None,
        )
        bench = make_bench(context, context.input(layout.CORPUS), training)
        bench = replace(bench, qrels=qrels[qrels.split == "test"])
        if options.layers:
            small = Path(scratch) / "stand_in"
            small.mkdir()
            write_stand_in(Path(bench.start), options.layers, small, trust_remote_code=False)
            bench = replace(bench, start=str(small))
        shared = shared_queries(mined)
        found: dict[str, list[list[float]]] = {}
        for seed in range(options.seeds):
            for plan in mined:
                if not plan.is_tried or plan.negatives is None:
                    continue
                kept = folder / "judged" / f"{plan.plan.name}-{seed}.json".replace("/", "_")
                if not kept.exists():
                    kept.parent.mkdir(exist_ok=True)
                    examples = examples_of(examples_with(context, plan.negatives), shared)
                    result = bench.run(examples, judging, "test", 1_000 + seed)
                    kept.write_text(json.dumps(dict(result.values)))
                    print(folder.name, plan.plan.name, seed, f"{result.seconds:.0f} s", flush=True)
                values = json.loads(kept.read_text())
                found.setdefault(plan.plan.name, []).append([values[q] for q in judging])
    return {plan: np.array(values) for plan, values in found.items()}


def report(name: str, outcome: TrialOutcome, scores: dict[str, np.ndarray]) -> None:
    """The table of one collection."""
    rows = []
    for one in outcome.plans:
        judged = scores.get(one.plan)
        beside = (
            f"{one.difference:+.4f} ({one.low:+.4f} to {one.high:+.4f})"
            if one.difference is not None
            else ""
        )
        rows.append(
            (
                one.plan,
                one.state,
                one.repeats,
                "" if one.ndcg_at_10 is None else f"{one.ndcg_at_10:.4f}",
                beside,
                "" if judged is None else f"{judged.mean():.4f}",
                ""
                if judged is None or one.plan == outcome.plan
                else difference(scores[outcome.plan], judged),
            )
        )
    print_table(
        f"{name}: {outcome.summary}. {outcome.runs} runs, {outcome.seconds:.0f} s; beforehand: "
        f"{outcome.forecast}. Seeds move a difference by {outcome.seed_deviation:.4f}. "
        f"{describe_machine()}",
        [
            "plan",
            "tournament",
            "repeats",
            "nDCG@10, held out",
            "beside the leader",
            "nDCG@10, test",
            "leader minus it, test",
        ],
        rows,
    )


def summarize(found: dict[str, tuple[TrialOutcome, dict[str, np.ndarray]]]) -> None:
    """The winners against fixed plans, averaged over collections."""
    rows = []
    for fixed in FIXED:
        each = [
            (scores[outcome.plan] - scores[fixed]).mean(axis=0)
            for outcome, scores in found.values()
            if fixed in scores
        ]
        if not each:
            continue
        means = [float(values.mean()) for values in each]
        chance = np.random.default_rng(0)
        drawn = [
            np.mean([chance.choice(values, len(values)).mean() for values in each])
            for _ in range(9_999)
        ]
        low, high = np.quantile(drawn, [0.025, 0.975])
        rows.append((fixed, len(each), f"{np.mean(means):+.4f} ({low:+.4f} to {high:+.4f})"))
    print_table(
        "The plan that leads, on test queries, minus a fixed plan: mean over collections, interval "
        "over queries",
        ["fixed plan", "collections", "difference in nDCG@10"],
        rows,
    )
    rows = []
    for name, (outcome, scores) in found.items():
        best = max(scores, key=lambda plan: scores[plan].mean())
        rows.append(
            (
                Path(name).name,
                outcome.plan,
                best,
                ""
                if best == outcome.plan
                else difference(scores[outcome.plan], scores[best], comparisons=len(scores) - 1),
            )
        )
    print_table(
        "The plan that leads beside the one that is best on the test queries, known afterwards; "
        "intervals for all plans together, as any of them could have been the best",
        ["collection", "leads", "best on test", "leader minus best"],
        rows,
    )


def difference(ours: np.ndarray, theirs: np.ndarray, *, comparisons: int = 1) -> str:
    """Mean difference over queries, each averaged over seeds, with its 95 % interval.

    Args:
        ours: nDCG@10 by seed and query.
        theirs: The same of the other plan.
        comparisons: How many differences the 95 % hold for together (Bonferroni).
    """
    each = ours.mean(axis=0) - theirs.mean(axis=0)
    if not each.any():
        return "0"
    found = bootstrap(
        (each,), np.mean, confidence_level=1 - 0.05 / comparisons, rng=np.random.default_rng(0)
    )
    interval = found.confidence_interval
    return f"{each.mean():+.4f} ({interval.low:+.4f} to {interval.high:+.4f})"


if __name__ == "__main__":
    main()
