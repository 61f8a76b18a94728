"""Everything that Dagster loads: one dataset per folder in `defs/`.

A dataset's YAML file is read by `component.py`. `orchestration/build.py` makes its definitions from
the stages in `assets/`, which call the packages that do the work, in the order data flow: sources,
encoding, retrieval, reranking, mining, evaluation, export, report.
"""

from functools import cache
from pathlib import Path

import dagster as dg


@dg.definitions
@cache  # Dagster asks twice when it loads a project, which is half of the time that takes
def project_defs() -> dg.Definitions:
    """The shipped datasets."""
    datasets = dg.load_from_defs_folder(path_within_project=Path(__file__).parent)
    # one step follows another: a process for each would only import everything again
    return dg.Definitions.merge(datasets, dg.Definitions(executor=dg.in_process_executor))
