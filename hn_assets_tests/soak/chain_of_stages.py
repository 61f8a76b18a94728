"""A dataset of five stages that take little but time, each of which reads the one before."""

import logging
import time
from pathlib import Path

from hn_assets.pipeline.metadata import Metadata
from hn_assets.pipeline.operation_run import run_operation
from hn_assets.pipeline.stage import Operation, Stage
from hn_assets.pipeline.stage_context import StageContext
from hn_assets.store import Draft
from hn_assets.store.layout import StageFile
from hn_assets_tests.pipeline.small_stages import OnMachine, small_dataset

FILES = [StageFile(f"link_{number}", "text.txt") for number in range(5)]
SECONDS = 0.3  # that each stage takes


def refresh_chain(folder: Path, url: str, text: str) -> None:
    """Make all stages that are not up to date, for a machine whose local folder this is."""
    dataset = OnMachine("chain", small_dataset(folder).settings, folder, url=url)
    stages = tuple(_stage(number, text) for number in range(len(FILES)))
    for stage in stages:
        operation = Operation(stage.name, (stage,))
        for _ in run_operation(dataset, operation, stages, logging.getLogger(__name__)):
            pass


def _stage(number: int, text: str) -> Stage:
    def make(context: StageContext, draft: Draft) -> Metadata:
        before = context.input(FILES[number - 1]).read_text() if number else text
        time.sleep(SECONDS)
        draft.path(FILES[number].name).write_text(f"{before}, {number}")
        return {}

    return Stage(
        writes=(FILES[number],),
        description="A text.",
        make=make,
        version=1,
        reads=(FILES[number - 1],) if number else (),
        settings=lambda settings: {} if number else {"text": text},
    )
