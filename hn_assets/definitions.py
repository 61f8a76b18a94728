"""Everything Dagster loads: one dataset per folder in `defs/`.

defs/<dataset>/defs.yaml        what to mine, and how
components/hard_negatives.py  reads it and checks it
assets/build.py               builds the graph: one module per stage beside it, and checks.py
jobs/                         what starts it: job, schedule, sensors; and who is told of failures
sources -> encoding -> search -> mining -> export    do the work, without Dagster
evaluation, report            say how well it went
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
