"""The component behind `type: hn_assets.HardNegatives`: one YAML file, one dataset's graph."""

import os
from pathlib import Path

import dagster as dg
from pydantic import BaseModel, ValidationError

from hn_assets.errors import SettingsError
from hn_assets.orchestration.build import build_definitions
from hn_assets.orchestration.yaml_keys import check_keys_of_folder
from hn_assets.pipeline.dataset import Dataset
from hn_assets.scaffold import HardNegativesScaffolder
from hn_assets.settings.dataset import DatasetSettings
from hn_assets.settings_base import describe_invalid


@dg.scaffold_with(HardNegativesScaffolder)
class HardNegatives(dg.Component, dg.Model, dg.Resolvable):
    """Hard negatives of one dataset, from its raw texts to training files.

    Builds the assets `<dataset>/corpus`, `queries`, `qrels`, `corpus_embeddings`,
    `query_embeddings`, `faiss_index`, `candidates`, `retrieval_quality`, `false_negative_audit`,
    `hard_negatives`, `drift`, `likely_missing_labels`, `training_set` and `report`; with a target
    rate `calibration`, with a teacher `teacher_scores`, with several retrievers
    `candidates_<name>` for each of them, and further ones with the sections
    `training`, `trial`, `review`, `suspect_positives`, `judge` and `hub`; checks that stop a bad
    refresh before the training set is replaced; the job `<dataset>_refresh` that materializes
    them, a weekly schedule and a sensor of changes for it (off until switched on), a sensor that
    tells of failed runs and failed checks, and the job `<dataset>_prune` that removes stored
    vectors that no recent run used. With `checks.max_age_days`, a daily check of how old the
    training set is.

    Only `source` must be given. For a folder in BEIR layout (corpus.jsonl, queries.jsonl,
    qrels/train.tsv):

        type: hn_assets.HardNegatives
        attributes:
          source:
            type: beir
            folder: /data/my_dataset

    Every setting has its own description in this component's schema and in the documentation.
    """

    settings: DatasetSettings

    @classmethod
    def model(cls) -> type[BaseModel]:
        """The attributes of the YAML file: the settings themselves, not nested in a key."""
        return DatasetSettings

    @classmethod
    def resolve_from_model(cls, context: dg.ResolutionContext, model: BaseModel) -> "HardNegatives":
        """Fill in templates such as `{{ env.NAME }}`, then check the settings again."""
        values = context.resolve_value(model.model_dump(exclude_unset=True))
        try:
            return cls(settings=DatasetSettings.model_validate(values))
        except ValidationError as error:
            # Dagster would show the values, which may be secrets of the environment
            raise SettingsError(
                f"the settings cannot work with the environment's values: {describe_invalid(error)}"
            ) from None

    @classmethod
    def get_spec(cls) -> dg.ComponentTypeSpec:
        """What component listings show."""
        return dg.ComponentTypeSpec(
            description="Hard negatives of one dataset, from raw texts to training files.",
            tags=["embeddings", "hard-negatives", "retrieval"],
        )

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        """The dataset's whole graph."""
        # a component in Python is the file in the dataset's folder
        folder = context.path.parent if context.path.suffix else context.path
        check_keys_of_folder(folder)
        name = self.settings.dataset or folder.name
        settings = self.settings.with_environment(name, os.environ)
        return build_definitions(Dataset(name, settings, find_base(Path(context.project_root))))


def find_base(project_root: Path) -> Path:
    """The folder that relative paths and `data/` start from: the project's root.

    For the datasets of this package itself that is the checkout; or the working folder where the
    package is installed, as nothing should be written beside installed code.
    """
    package = Path(__file__).parent
    if project_root.resolve() != package:
        return project_root
    checkout = package.parent
    return checkout if (checkout / "workspace.yaml").is_file() else Path.cwd()
