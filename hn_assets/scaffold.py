"""What `dg scaffold defs hn_assets.HardNegatives <dataset>` writes."""

import dagster as dg

TEMPLATE = """\
# Hard negatives of {name}. Fill in the path of the source, and it runs. Every setting is described
# in docs/settings.md and by `dg docs`; a key that does not exist is an error that names the nearest
# one.
type: hn_assets.HardNegatives
attributes:
  source:
    type: beir
    # the folder with corpus.jsonl, queries.jsonl and qrels/train.tsv (qrels/test.tsv to measure):
    folder: /path/to/{name}

  encoding:
    # "bundled" is all-MiniLM-L6-v2, which comes with a Python package and works offline. It may
    # also be a Hugging Face name such as BAAI/bge-base-en-v1.5, the folder of a checkpoint, or
    # runs/checkpoint-* for the newest of several checkpoints
    model: bundled
    # the text that the model was trained to see before each query, if its own files do not say it:
    # query_instruction: "Represent this sentence for searching relevant passages: "
    # and before each passage; E5, for instance, takes "query: " and "passage: ":
    # passage_instruction: "passage: "

  filters:
    # leave out what is probably relevant, so that the rate of false negatives stays under this
    target_false_negative_rate: 0.01

  mining:
    num_negatives: 15
    # of the negatives, from anywhere in the corpus; the others are the hardest that may be taken
    random_share: 0.5
    # or, in place of both: `plan: hn_mine` or `plan: tutorial`, as FlagEmbedding mines
  # export:
  #   formats: [flagembedding, triplet]
  # job:
  #   cron: "0 3 * * 1"        # Mondays at three
  #   schedule_enabled: true   # refresh at that time
  #   sensor_enabled: true     # refresh when the source or the model has changed
  # alerts:
  #   webhook: "{{{{ env.HN_WEBHOOK }}}}"
"""

PYTHON = """\
import dagster as dg

from hn_assets import HardNegatives
from hn_assets.settings.dataset import DatasetSettings


@dg.component_instance
def load(context: dg.ComponentLoadContext) -> HardNegatives:
    settings = DatasetSettings.model_validate(
        {{
            # the folder with corpus.jsonl, queries.jsonl and qrels/train.tsv
            "source": {{"type": "beir", "folder": "/path/to/{name}"}},
            "filters": {{"target_false_negative_rate": 0.01}},
            "mining": {{"num_negatives": 15, "random_share": 0.5}},
        }}
    )
    return HardNegatives(settings=settings)
"""


class HardNegativesScaffolder(dg.Scaffolder):
    """Writes the file of a dataset, with comments on the settings that people change."""

    def scaffold(self, request: dg.ScaffoldRequest) -> None:
        """Write `defs.yaml`, or `component.py` if that was asked for."""
        name = request.target_path.name
        if request.scaffold_format == "python":
            path, text = request.target_path / "component.py", PYTHON.format(name=name)
        else:
            path, text = request.target_path / "defs.yaml", TEMPLATE.format(name=name)
        request.target_path.mkdir(parents=True, exist_ok=True)
        if request.append and path.is_file():
            text = f"{path.read_text(encoding='utf-8').rstrip()}\n---\n{text}"
        path.write_text(text, encoding="utf-8")
