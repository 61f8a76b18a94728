"""Asset checks: what must hold of a finished asset before anybody trains on what comes of it.

A check that blocks stops everything downstream of its asset, so the last training set stays.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import dagster as dg

from hn_assets.assets.graph import Graph
from hn_assets.assets.step import CODE
from hn_assets.assets.training import ACCEPTED
from hn_assets.errors import HardNegativesError, StoreError
from hn_assets.evaluation.checks import data as health
from hn_assets.evaluation.checks import negatives as trust
from hn_assets.evaluation.checks.result import CheckResult, Verdict
from hn_assets.mining.output.explain import LEDGER_FILE
from hn_assets.retrieval.faiss_index import IDS_FILE, INDEX_FILE
from hn_assets.store import Manifest
from hn_assets.store import layout as s

ACCEPT_TAG = "hn_assets/accept"


@dataclass(frozen=True)
class Check:
    """One look at a stage.

    Attributes:
        stage: that is looked at.
        name: of the check.
        description: what holds where it passes.
        look: finds it out.
    """

    stage: str
    name: str
    description: str
    look: Callable[["Files"], CheckResult]


class Files:
    """The files of a dataset's stages as they are when a check runs; remembers what was read."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.read: dict[str, str] = {}

    def file(self, stage: str, name: str = "") -> Path:
        """A verified file of a stage."""
        self.read[stage] = self.graph.store.stage(stage).require().version
        return self.graph.store.stage(stage).file(name or FILE_OF[stage])

    def info(self, stage: str) -> Mapping[str, Any]:
        """What a stage says of how it was made."""
        manifest = self.graph.store.stage(stage).require()
        self.read[stage] = manifest.version
        return manifest.info

    def accepted(self, what: str) -> Any:
        """What the last training set was made from; None where there is none to compare with."""
        manifest = self._last_training_set()
        self.read[s.TRAINING_SET.stage] = "" if manifest is None else manifest.version
        return None if manifest is None else manifest.info.get(ACCEPTED, {}).get(what)

    def are_still(self, read: Mapping[str, str]) -> bool:
        """Whether the stages are of the versions that were read, and whole."""
        for stage, version in read.items():
            if stage == s.TRAINING_SET.stage:
                manifest = self._last_training_set()
            else:
                manifest = self.graph.store.stage(stage).verified()
            if version != ("" if manifest is None else manifest.version):
                return False
        return True

    def _last_training_set(self) -> Manifest | None:
        """Its manifest alone, as its files are no input of a check; damage is mended downstream."""
        try:
            return self.graph.store.stage(s.TRAINING_SET.stage).manifest()
        except StoreError:
            return None


def build_checks(graph: Graph) -> list[dg.AssetChecksDefinition]:
    """The checks of a dataset: one op for those of a stage, in the order of the stages."""
    by_stage: dict[str, list[Check]] = {}
    for check in _checks(graph):
        by_stage.setdefault(check.stage, []).append(check)
    return [_build(graph, stage, checks) for stage, checks in by_stage.items()]


def _build(graph: Graph, stage: str, checks: list[Check]) -> dg.AssetChecksDefinition:
    specs = [
        dg.AssetCheckSpec(
            check.name, asset=graph.key(stage), description=check.description, blocking=True
        )
        for check in checks
    ]

    @dg.multi_asset_check(name=f"{graph.op_name(stage)}_checks", specs=specs, can_subset=True)
    def look(context: dg.AssetCheckExecutionContext) -> Iterator[dg.AssetCheckResult]:
        wanted = {key.name for key in context.selected_asset_check_keys}
        for check in checks:
            if check.name in wanted:
                yield _result(graph, check, context.run.tags)

    return look


def _result(graph: Graph, check: Check, tags: Mapping[str, str]) -> dg.AssetCheckResult:
    try:
        found = _find(graph, check)
    except HardNegativesError as error:
        raise dg.Failure(f"{graph.name}: {error}", allow_retries=False) from error
    passed, words = found.passed, found.words
    if not passed and _is_accepted(tags, check.name):
        passed, words = True, f"{words}. Accepted by the run's tag {ACCEPT_TAG}"
    elif not passed and found.blocks:
        words += (
            f". The training set stays as it was; if this is meant, run again with the tag "
            f"{ACCEPT_TAG}: {check.name}"
        )
    return dg.AssetCheckResult(
        asset_key=graph.key(check.stage),
        check_name=check.name,
        passed=passed,
        severity=dg.AssetCheckSeverity.ERROR if found.blocks else dg.AssetCheckSeverity.WARN,
        description=words,
        metadata=dict(found.figures),
    )


def _find(graph: Graph, check: Check) -> CheckResult:
    """What a check finds; what it found before, where it would read the same again."""
    kept, files = _kept(graph, check), Files(graph)
    if kept and files.are_still(kept["read"]):
        return CheckResult(**kept["found"])
    found = check.look(files)
    note = {"code": CODE, "settings": _settings(graph), "read": files.read, "found": asdict(found)}
    graph.store.stage(check.stage).write_note(_note(check), note)
    return found


def _kept(graph: Graph, check: Check) -> dict[str, Any] | None:
    """What a check found the last time, and what it read; None where it looks otherwise now."""
    kept = graph.store.stage(check.stage).read_note(_note(check))
    same = kept and [kept["code"], kept["settings"]] == [CODE, _settings(graph)]
    return kept if same else None


def _note(check: Check) -> str:
    return f"check-{check.name}.json"


def _settings(graph: Graph) -> dict[str, Any]:
    return graph.settings.model_dump(mode="json", exclude={"job", "alerts"})


def read_verdicts(graph: Graph) -> list[Verdict]:
    """What every check said of the files that are there now, in the order of the graph.

    For what comes after all of them: a check that stops a refresh lets nothing come after it unless
    a person accepts that.
    """
    checks = _checks(graph)
    # each stage once: where the store is remote, every look is a request
    manifests = {stage: graph.store.stage(stage).manifest() for stage in {c.stage for c in checks}}
    versions = {stage: m.version for stage, m in manifests.items() if m is not None}
    return [_verdict(check, _kept(graph, check), versions) for check in checks]


def _verdict(check: Check, kept: Mapping[str, Any] | None, versions: Mapping[str, str]) -> Verdict:
    # a training set that this refresh has made by now is not the one that checks compared with
    if kept is None or any(
        versions.get(stage) != version
        for stage, version in kept["read"].items()
        if stage != s.TRAINING_SET.stage
    ):
        return Verdict(check.stage, check.name, "not run", check.description)
    found = CheckResult(**kept["found"])
    if found.passed:
        return Verdict(check.stage, check.name, "passed", found.words)
    state = "accepted" if found.blocks else "warned"
    return Verdict(check.stage, check.name, state, found.words)


def _is_accepted(tags: Mapping[str, str], name: str) -> bool:
    return name in (part.strip() for part in tags.get(ACCEPT_TAG, "").split(","))


def _checks(graph: Graph) -> list[Check]:
    limits, mining = graph.settings.checks, graph.settings.mining
    target = graph.settings.filters.target_false_negative_rate
    return [
        Check(
            s.CORPUS.stage,
            "texts_are_distinct",
            "Few documents have the text of another.",
            lambda f: health.texts_are_distinct(f.file(s.CORPUS.stage), limits.max_duplicate_share),
        ),
        Check(
            s.CORPUS.stage,
            "texts_are_kept",
            "Most texts of the last training set are still there, word for word.",
            lambda f: health.texts_are_kept(
                f.file(s.CORPUS.stage), f.accepted("texts"), limits.max_text_change
            ),
        ),
        *(
            Check(
                stage,
                "ids_are_unique",
                "Each has an id of its own.",
                partial(_unique, stage=stage),
            )
            for stage in (s.CORPUS.stage, s.QUERIES.stage)
        ),
        Check(
            s.QRELS.stage,
            "qrels_are_resolvable",
            "Every judgement is of a query and a document that are there.",
            lambda f: health.qrels_are_resolvable(
                f.file(s.CORPUS.stage), f.file(s.QUERIES.stage), f.file(s.QRELS.stage)
            ),
        ),
        Check(
            s.QRELS.stage,
            "nothing_is_lost",
            "Documents, queries and positives are not far fewer than at the last training set.",
            lambda f: health.nothing_is_lost(
                health.sizes(
                    f.file(s.CORPUS.stage),
                    f.file(s.QRELS.stage),
                    mining.split,
                    mining.evaluation_split,
                ),
                f.accepted("sizes"),
                limits.max_size_loss,
            ),
        ),
        *(
            Check(
                stage,
                "vectors_are_sound",
                "One finite vector for every text, of length 1 where encoding.normalize is set.",
                partial(_sound, stage=stage, texts=texts),
            )
            for stage, texts in (
                (s.CORPUS_EMBEDDINGS.stage, s.CORPUS.stage),
                (s.QUERY_EMBEDDINGS.stage, s.QUERIES.stage),
            )
        ),
        Check(
            s.FAISS_INDEX.stage,
            "index_agrees_with_vectors",
            "The index holds the vectors of corpus_embeddings.",
            lambda f: health.index_agrees_with_vectors(
                f.file(s.FAISS_INDEX.stage, INDEX_FILE),
                f.file(s.FAISS_INDEX.stage, IDS_FILE),
                f.file(s.CORPUS_EMBEDDINGS.stage),
            ),
        ),
        Check(
            s.CANDIDATES.stage,
            "index_finds_enough",
            "An approximate index finds what exact search does.",
            lambda f: trust.index_finds_enough(
                f.info(s.CANDIDATES.stage)["index_recall"], limits.min_index_recall
            ),
        ),
        Check(
            s.CANDIDATES.stage,
            "positives_are_found",
            "The rankings of the mined queries hold their known positives.",
            lambda f: trust.positives_are_found(
                f.info(s.CANDIDATES.stage)["recall_of_mined"],
                f.info(s.CANDIDATES.stage)["depth"],
                limits.min_recall,
            ),
        ),
        Check(
            s.RETRIEVAL_QUALITY.stage,
            "quality_is_not_worse",
            "nDCG@10 of the evaluation split is not far lower than at the last training set.",
            lambda f: trust.quality_is_not_worse(
                json.loads(f.file(s.RETRIEVAL_QUALITY.stage).read_text(encoding="utf-8")),
                f.accepted("ndcg_at_10"),
                limits.max_ndcg_drop,
            ),
        ),
        Check(
            s.FALSE_NEGATIVE_AUDIT.stage,
            "false_negative_rate",
            "The measured leak of these settings is not above the target.",
            lambda f: trust.rate_is_within_target(f.file(s.FALSE_NEGATIVE_AUDIT.stage), target),
        ),
        Check(
            s.HARD_NEGATIVES.stage,
            "every_candidate_is_accounted_for",
            "Each candidate of a mined query is in the ledger once, and the counts add up.",
            lambda f: trust.ledger_is_complete(
                ledger=f.file(s.HARD_NEGATIVES.stage, LEDGER_FILE),
                negatives=f.file(s.HARD_NEGATIVES.stage),
                candidates=f.file(s.CANDIDATES.stage),
            ),
        ),
        Check(
            s.HARD_NEGATIVES.stage,
            "no_positive_among_negatives",
            "No negative is a positive of its query, by id or by text.",
            lambda f: trust.no_positive_among_negatives(
                f.file(s.HARD_NEGATIVES.stage),
                f.file(s.QRELS.stage),
                f.file(s.CORPUS.stage),
                include_title=f.info(s.HARD_NEGATIVES.stage)["include_title"],
            ),
        ),
        Check(
            s.HARD_NEGATIVES.stage,
            "no_test_query_is_mined",
            "No mined query is one of the evaluation split, by id or by text.",
            lambda f: trust.no_test_query_is_mined(
                f.file(s.HARD_NEGATIVES.stage), f.file(s.QUERIES.stage), mining.evaluation_split
            ),
        ),
        Check(
            s.HARD_NEGATIVES.stage,
            "negatives_are_enough",
            "Most mined queries have as many negatives as wanted.",
            lambda f: trust.negatives_are_enough(
                f.info(s.HARD_NEGATIVES.stage)["queries_with_enough"],
                f.info(s.HARD_NEGATIVES.stage)["queries"],
                f.info(s.HARD_NEGATIVES.stage)["negatives"],
                limits.min_full_query_share,
            ),
        ),
    ]


def _unique(files: Files, stage: str) -> CheckResult:
    return health.ids_are_unique(files.file(stage))


def _sound(files: Files, stage: str, texts: str) -> CheckResult:
    normalize = files.graph.settings.encoding.normalize
    return health.vectors_are_sound(files.file(stage), files.file(texts), normalize=normalize)
