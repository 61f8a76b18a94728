"""calibration: the threshold that keeps false negatives under the target, and how it was found."""

import json

import dagster as dg

from hn_assets.assets.graph import Graph
from hn_assets.assets.inputs import load_dataset, open_holdout, read_inputs
from hn_assets.assets.metadata import table
from hn_assets.assets.step import Step
from hn_assets.mining.holdout.calibration import Calibration, calibrate
from hn_assets.mining.plan import make_plan, planned_sampling
from hn_assets.mining.relevance.logistic_model import FEATURES
from hn_assets.store import layout as s

# settings that change what is measured
OF_NEGATIVES = {"target_false_negative_rate", "unlabelled_per_positive"}
OF_MINING = {"split", "num_negatives", "sampling", "simans_a", "simans_b", "seed"}


def build_calibration(graph: Graph) -> dg.AssetsDefinition:
    """The asset that hides known positives to find a threshold; for datasets with a target."""
    mining, negatives = graph.settings.mining, graph.settings.filters
    settings = {
        "negatives": negatives.model_dump(mode="json", include=OF_NEGATIVES),
        "mining": mining.model_dump(mode="json", include=OF_MINING),
    }

    @graph.asset(
        s.CALIBRATION.stage,
        "Which probability of relevance is too much for a negative, found by hiding positives.",
        deps=(s.CANDIDATES.stage, s.QRELS.stage),
        kinds={"scikitlearn", "json"},
        settings=settings,
    )
    def calibration(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
        with graph.running(context, s.CALIBRATION.stage):
            step = Step(graph, context, s.CALIBRATION.stage)
            files = read_inputs(step)
            step.depends_on(**settings)
            if (current := step.current()) is not None:
                return current
            mine = load_dataset(graph, files, mining.split)
            holdout = open_holdout(mine, files, mining.seed)
            mined = int(mine.collection.mined.sum())
            sampling = planned_sampling(mining, calibrated=True)
            found = calibrate(holdout, sampling, negatives, mined)
            note = make_plan(mining, negatives, found).note
            if not found.is_reached:
                context.log.warning(note)
            with step.publish() as draft:
                path = draft.path(s.CALIBRATION.name)
                path.write_text(json.dumps(found.as_json(), indent=1) + "\n", encoding="utf-8")
            return step.result(draft, {"summary": note, **_describe(found)})

    return calibration


def _describe(found: Calibration) -> dict[str, dg.MetadataValue | str | float | int]:
    described: dict[str, dg.MetadataValue | str | float | int] = {
        "target_false_negative_rate": found.target,
        "queries_with_two_positives": found.queries,
        "positives_hidden": found.hidden,
    }
    if found.model is None or found.rate is None:
        return {**described, "supported": "no: " + found.why_not}
    return {
        **described,
        "supported": "yes",
        "threshold": found.threshold,
        "cross_validated_rate": round(found.rate, 5),
        "cross_validated_rate_95_percent": f"{found.rate_low:.3%} to {found.rate_high:.3%}",
        "assumed_unlabelled_per_positive": f"{found.unlabelled_per_positive:g} unlabelled passages for each positive",
        "model": table(
            {"feature": name, "weight": round(weight, 4), "mean": round(mean, 4)}
            for name, weight, mean in zip(
                FEATURES, found.model.weights, found.model.mean, strict=True
            )
        ),
    }
