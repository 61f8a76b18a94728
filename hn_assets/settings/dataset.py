"""All settings of one dataset: what its `defs.yaml` may say, and the defaults of the rest."""

from collections.abc import Mapping
from typing import Any

from pydantic import Field, model_validator
from typing_extensions import Self

from hn_assets.errors import SettingsError
from hn_assets.export.writer import check_teacher
from hn_assets.mining.named_plans import fill_in_plan
from hn_assets.settings.alerts import AlertSettings
from hn_assets.settings.checks import CheckSettings
from hn_assets.settings.compute import ComputeSettings
from hn_assets.settings.encoding import PROMOTED, EncodingSettings
from hn_assets.settings.export import ExportSettings
from hn_assets.settings.filters import FiltersSettings
from hn_assets.settings.hub import HubPushSettings
from hn_assets.settings.job import JobSettings
from hn_assets.settings.judge import JudgeSettings
from hn_assets.settings.mining import DEFAULT_RANGE, MiningSettings
from hn_assets.settings.retrievers import (
    MOST_RETRIEVERS,
    OWN_ENCODER,
    AnyRetriever,
    check_retrievers,
    is_encoder_alone,
)
from hn_assets.settings.review import ReviewSettings
from hn_assets.settings.search import AUTO_ORDER, RECIPROCAL_RANK_FUSION, SearchSettings
from hn_assets.settings.source import AnySource
from hn_assets.settings.suspect_positives import SuspectPositivesSettings
from hn_assets.settings.teacher import TeacherSettings
from hn_assets.settings.training import TrainingSettings
from hn_assets.settings.trial import TrialSettings
from hn_assets.settings_base import Settings, describe_unknown_keys
from hn_assets.trial.plans import PLAN_KEYS, deepest, plans_to_try


def environment_variables(dataset: str) -> tuple[str, str]:
    """The variables that name a dataset's local folder and its model, without an edit.

    >>> environment_variables("scifact")
    ('HN_SCIFACT_FOLDER', 'HN_SCIFACT_MODEL')
    """
    return f"HN_{dataset.upper()}_FOLDER", f"HN_{dataset.upper()}_MODEL"


class DatasetSettings(Settings):
    """One dataset, from its source to its training files.

    Only `source` must be given:

    >>> DatasetSettings.model_validate({"source": {"type": "python_stdlib"}}).mining.num_negatives
    15
    """

    dataset: str = Field(
        default="",
        pattern=r"^[A-Za-z0-9_]*$",
        description="first part of the asset keys; default: the name of the YAML file's folder",
    )
    source: AnySource = Field(description="where corpus, queries and qrels come from")
    encoding: EncodingSettings = Field(
        default_factory=EncodingSettings, description="the embedding model"
    )
    compute: ComputeSettings = Field(
        default_factory=ComputeSettings, description="device and precision"
    )
    retrievers: tuple[AnyRetriever, ...] = Field(
        default=(),
        max_length=MOST_RETRIEVERS,
        description=(
            "what finds the candidates, each with an asset of its own, `candidates_<name>`; their "
            "finds are joined. Default: the dataset's encoder alone"
        ),
    )
    search: SearchSettings = Field(
        default_factory=SearchSettings, description="index and depth of the rankings"
    )
    mining: MiningSettings = Field(
        default_factory=MiningSettings, description="which queries, ranks and how many"
    )
    filters: FiltersSettings = Field(
        default_factory=FiltersSettings, description="which candidates may be negatives"
    )
    teacher: TeacherSettings | None = Field(
        default=None, description="a reranker that scores positives and candidates"
    )
    review: ReviewSettings | None = Field(
        default=None, description="a random sample of the negatives that people judge"
    )
    judge: JudgeSettings | None = Field(
        default=None, description="a language model that is asked about pairs"
    )
    suspect_positives: SuspectPositivesSettings | None = Field(
        default=None, description="a list of positives that look like none"
    )
    export: ExportSettings = Field(default_factory=ExportSettings, description="the training files")
    training: TrainingSettings | None = Field(
        default=None, description="fine-tuning on the training set, and promotion"
    )
    hub: HubPushSettings | None = Field(
        default=None, description="repositories of the Hugging Face hub to push to"
    )
    trial: TrialSettings | None = Field(
        default=None, description="plans of mining are compared by what they train"
    )
    checks: CheckSettings = Field(
        default_factory=CheckSettings, description="how far a refresh may differ from the last"
    )
    job: JobSettings = Field(
        default_factory=JobSettings, description="schedule, sensor, tags and retries"
    )
    alerts: AlertSettings = Field(
        default_factory=AlertSettings, description="who is told of what failed"
    )

    @model_validator(mode="before")
    @classmethod
    def _fill_in_plan(cls, values: Any) -> Any:
        return fill_in_plan(values, PLAN_KEYS) if isinstance(values, Mapping) else values

    @model_validator(mode="after")
    def _check_depth(self) -> Self:
        depth, end = self.search.depth, self.mining.range_or(DEFAULT_RANGE)[1]
        if depth is not None and depth < end:
            raise ValueError(
                f"search.depth {depth} ends before the range of mining does, at {end}; leave "
                f"search.depth out or set it to {end} or more"
            )
        return self

    @model_validator(mode="after")
    def _check_retrievers(self) -> Self:
        check_retrievers(self.retrievers)
        names, order = self.retriever_names, self.search.order
        orders = [AUTO_ORDER, RECIPROCAL_RANK_FUSION, *names]
        if order not in orders:
            problem = describe_unknown_keys([order], orders, "order")
            raise ValueError(f"search.order: {problem}")
        sections: dict[str, Any] = {"mining.quotas": self.mining.quotas}
        for plan in self.trial.plans if self.trial is not None else ():
            sections[f"mining.quotas of the plan {plan.name!r}"] = plan.mining.get("quotas")
        for what, quotas in sections.items():
            if isinstance(quotas, Mapping):
                problem = describe_unknown_keys(quotas, names, "retriever")
                if problem is not None:
                    raise ValueError(f"{what}: {problem}")
        return self

    @model_validator(mode="after")
    def _check_sampling(self) -> Self:
        if self.mining.sampling == "stratified_by_teacher_score" and self.teacher is None:
            raise ValueError(
                "mining.sampling 'stratified_by_teacher_score' needs the section teacher: name a "
                "reranker in teacher.model, or set another mining.sampling"
            )
        return self

    @model_validator(mode="after")
    def _check_formats(self) -> Self:
        if self.teacher is None:
            check_teacher(self.export.formats)
        return self

    @model_validator(mode="after")
    def _check_training(self) -> Self:
        training = self.training
        if self.encoding.model == PROMOTED and (training is None or training.base_model is None):
            raise ValueError(
                "encoding.model is `promoted`, so that training.base_model must name the model of "
                "the first round"
            )
        if training is None:
            return self
        if training.base_model is not None and self.encoding.model != PROMOTED:
            raise ValueError(
                "training.base_model is for encoding.model: promoted; otherwise the model that "
                "encoding.model names is trained. Leave one of them out"
            )
        if training.learns_from_teacher and self.teacher is None:
            raise ValueError(
                f"training.loss {training.loss} learns a teacher's scores: add a section teacher"
            )
        if training.negatives_per_example > self.mining.num_negatives:
            raise ValueError(
                f"training.negatives_per_example {training.negatives_per_example} is more than "
                f"mining.num_negatives {self.mining.num_negatives}"
            )
        return self

    @model_validator(mode="after")
    def _check_hub(self) -> Self:
        if self.hub is not None and self.hub.model_repo and self.training is None:
            raise ValueError(
                "hub.model_repo is for a promoted model: add a section training, or leave it out"
            )
        return self

    @model_validator(mode="after")
    def _check_trial(self) -> Self:
        if self.trial is None and self.mining.plan == "tournament":
            raise ValueError(
                "mining.plan is `tournament`, and there is no section trial: add `trial: {}` for "
                "the plans and the budget that it has by default"
            )
        depth, end = self.search.depth, self.deepest_mining.range_or(DEFAULT_RANGE)[1]
        if depth is not None and depth < end:
            raise ValueError(
                f"search.depth {depth} ends before the range of a plan of the trial does, at "
                f"{end}; leave search.depth out or set it to {end} or more"
            )
        return self

    @property
    def joins_retrievers(self) -> bool:
        """Whether candidates come from anything but the dataset's own encoder alone."""
        return not is_encoder_alone(self.retrievers)

    @property
    def retriever_names(self) -> tuple[str, ...]:
        """The names of the retrievers, in the order of the YAML file."""
        return tuple(one.label for one in self.retrievers) or (OWN_ENCODER,)

    @property
    def own_retriever(self) -> str | None:
        """The name of the retriever that is the dataset's own encoder; None if none is."""
        if not self.retrievers:
            return OWN_ENCODER
        return next((one.label for one in self.retrievers if one.is_own_encoder), None)

    @property
    def lexical_retrievers(self) -> tuple[str, ...]:
        """The names of the retrievers whose ranks the model of relevance looks at."""
        return tuple(one.label for one in self.retrievers if one.is_lexical)

    @property
    def candidate_order(self) -> str:
        """The order of joined candidates: `reciprocal_rank_fusion`, or the name of a retriever."""
        return self.search.joined_order(self.own_retriever)

    @property
    def has_verdicts(self) -> bool:
        """Whether there is a file of what people said of a sample of the negatives."""
        return self.review is not None and bool(self.review.verdicts)

    @property
    def deepest_mining(self) -> MiningSettings:
        """The section `mining` with the range that ends last, of its own and those of a trial.

        Raises:
            ValueError: A plan of the trial cannot work.
        """
        if self.trial is None:
            return self.mining
        try:
            plans = plans_to_try(self.trial.plans, self.mining, self.filters)
        except SettingsError as error:
            raise ValueError(str(error)) from None
        return deepest(plans, self.mining)

    @property
    def may_be_calibrated(self) -> bool:
        """Whether a target rate may decide: the one of `filters`, or that of a plan of a trial."""
        return self.filters.is_calibrated or self.mining.plan == "tournament"

    def with_environment(self, dataset: str, environment: Mapping[str, str]) -> Self:
        """These settings with the source's folder and the model that the environment names.

        A folder is ignored if the source is of a type that does not read a folder.

        Args:
            dataset: The name of the dataset, which is part of the names of the variables.
            environment: The environment's variables.
        """
        folder, model = (environment.get(name) for name in environment_variables(dataset))
        changes: dict[str, Settings] = {}
        source = self.source.with_folder(folder) if folder else None
        if source is not None:
            changes["source"] = source
        if model:
            changes["encoding"] = self.encoding.model_copy(
                update={"model": model, "revision": None}
            )
        return self.model_copy(update=changes)
