"""Hard negatives without Dagster: one call, from a notebook or a script.

It runs the same stages as the asset graph, so it gives the same negatives, id for id.
"""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from pydantic import PrivateAttr, SkipValidation, ValidationError

from hn_assets.assets import operations_of, stages_of
from hn_assets.errors import SettingsError
from hn_assets.evaluation.checks.all_checks import all_checks, checks_of
from hn_assets.evaluation.checks.base.result import CheckResult
from hn_assets.evaluation.checks.run_checks import run_check
from hn_assets.pipeline.dataset import Dataset
from hn_assets.pipeline.operation_run import run_operation
from hn_assets.pipeline.stage import upstream_names
from hn_assets.settings.dataset import DatasetSettings
from hn_assets.settings_base import describe_invalid
from hn_assets.sources.in_memory import InMemoryTables
from hn_assets.sources.protocol import Source, SourceSettings
from hn_assets.store import DatasetStore, layout

if TYPE_CHECKING:
    import pandas as pd

DATASET = "mined"

log = logging.getLogger(__name__)

_AnySettings = TypeVar("_AnySettings", bound=DatasetSettings)


@dataclass(frozen=True)
class MinedNegatives:
    """What `mine_hard_negatives` returns.

    Attributes:
        negatives: The chosen negatives, a row each: query_id, doc_id, source, rank, score, margin,
            positive_similarity, probability, teacher_score, positive_ids, positive_scores.
        ledger: Every candidate of every mined query with its outcome: `chosen`, or the first reason
            why not, with the numbers that decided. What was drawn at random stands in it, too.
        report: What each stage says of itself, by the stage's name: counts, distributions, samples.
        checks: What each check of the data and of the negatives found, by stage and name.
        folder: Where the files of all stages lie; None if they were temporary.
    """

    negatives: pd.DataFrame
    ledger: pd.DataFrame
    report: Mapping[str, Mapping[str, Any]]
    checks: Mapping[tuple[str, str], CheckResult]
    folder: Path | None


class TablesSource(SourceSettings):
    """The source of a call that was given tables."""

    type: Literal["in_memory"] = "in_memory"
    _tables: InMemoryTables = PrivateAttr()

    def open(self, base: Path) -> Source:
        """The tables of the call."""
        return self._tables


class TablesSettings(DatasetSettings):
    """The settings of a call that was given tables."""

    source: SkipValidation[TablesSource]  # type: ignore[assignment]


def mine_hard_negatives(
    corpus: Any,
    queries: Any = None,
    qrels: Any = None,
    settings: Mapping[str, Any] | DatasetSettings | None = None,
    *,
    folder: str | Path | None = None,
    export: bool = False,
) -> MinedNegatives:
    """Mine the hard negatives of a dataset.

    Args:
        corpus: The path of a folder in BEIR layout (corpus.jsonl, queries.jsonl,
            `qrels/<split>.tsv`), and nothing else then; or the documents: a pandas DataFrame, a
            `datasets.Dataset`, an Arrow table or a list of dicts with the columns id (or _id), text
            and, if there are any, title.
        queries: The same of the queries: id (or _id) and text.
        qrels: The same of the judgements: query_id (or query-id), doc_id (or corpus-id) and, if
            there are any, score and split; a judgement without a split is of the mined one.
        settings: The settings of a dataset's YAML file without `source`, as nested dicts, such as
            `{"encoding": {"model": "runs/checkpoint-500"}, "mining": {"num_negatives": 7}}`.
        folder: Where to keep all files, so that the next call with this folder encodes only what is
            new; by default nothing is kept.
        export: Whether to write the training files, the drift and the report as well, into
            `folder`.

    Returns:
        The negatives with their ledger, and a report.

    Raises:
        HardNegativesError: The input or a setting is wrong; the message says which and what to do.

    Example:
        >>> documents = [{"id": str(i), "text": f"fact {i} on cats"} for i in range(30)]
        >>> queries = [{"id": "q", "text": "what is fact 7?"}]
        >>> mined = mine_hard_negatives(
        ...     documents,
        ...     queries,
        ...     [{"query_id": "q", "doc_id": "7"}],
        ...     {"mining": {"range_min": 0, "num_negatives": 3}},
        ... )
        >>> len(mined.negatives), "7" in set(mined.negatives.doc_id)
        (3, False)
    """
    import pandas as pd

    with ExitStack() as temporary:
        base = Path(folder or temporary.enter_context(tempfile.TemporaryDirectory()))
        # what the checks found is returned, and it is up to the caller what follows from it
        accepted = frozenset(check.name for check in all_checks())
        dataset = _InFolder(
            DATASET, _settings(corpus, queries, qrels, settings), base.absolute(), accepted
        )
        wanted = _wanted(dataset, export=export)
        stages = stages_of(dataset.settings)
        report: dict[str, Mapping[str, Any]] = {}
        checks: dict[tuple[str, str], CheckResult] = {}
        for operation in operations_of(dataset.settings):
            names = {stage.name for stage in operation.stages} & wanted
            for result in run_operation(dataset, operation, stages, log, names) if names else ():
                report[result.stage] = result.metadata
            for check in checks_of(dataset.settings):
                if check.stage in names:
                    checks[check.stage, check.name] = run_check(
                        check, dataset.store, dataset.settings
                    )
        return MinedNegatives(
            negatives=pd.read_parquet(dataset.store.file(layout.HARD_NEGATIVES)),
            ledger=pd.read_parquet(dataset.store.file(layout.LEDGER)),
            report=report,
            checks=checks,
            folder=None if folder is None else Path(folder) / DATASET,
        )


class _InFolder(Dataset):
    """A dataset whose files lie in a folder of its own, whatever the environment says."""

    @property
    def store(self) -> DatasetStore:
        return DatasetStore(self.base, self.name)


def _settings(
    corpus: Any, queries: Any, qrels: Any, settings: Mapping[str, Any] | DatasetSettings | None
) -> DatasetSettings:
    values = settings.model_dump() if isinstance(settings, DatasetSettings) else settings or {}
    values = {key: value for key, value in values.items() if key != "source"}
    if isinstance(corpus, (str, Path)):
        if queries is not None or qrels is not None:
            raise SettingsError(
                "mine_hard_negatives takes either one folder in BEIR layout or three tables: leave "
                "queries and qrels out, or give the corpus as a table"
            )
        folder = str(Path(corpus).absolute())
        return _valid(DatasetSettings, {**values, "source": {"type": "beir", "folder": folder}})
    if queries is None or qrels is None:
        raise SettingsError("mine_hard_negatives needs queries and qrels beside the corpus")
    source = TablesSource()
    found = _valid(TablesSettings, {**values, "source": source})
    source._tables = InMemoryTables(corpus, queries, qrels, split=found.mining.split)
    return found


def _valid(model: type[_AnySettings], values: Mapping[str, Any]) -> _AnySettings:
    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise SettingsError(f"the settings cannot work: {describe_invalid(error)}") from error


def _wanted(dataset: Dataset, *, export: bool) -> set[str]:
    """The names of the stages to make: all, or the negatives and what they are made from."""
    stages = {stage.name: stage for stage in stages_of(dataset.settings)}
    if export:
        return set(stages)
    wanted: set[str] = set()
    waiting = [layout.HARD_NEGATIVES.stage]
    while waiting:
        name = waiting.pop()
        if name not in wanted:
            wanted.add(name)
            waiting += upstream_names(stages[name], stages.values())
    return wanted
