"""Every stage of a dataset and every file that it keeps, by name, in the order data flow.

`StageFile` constants are the one place where a file's name stands: whoever reads or writes a file
of the store names it by its constant.
"""

from typing import NamedTuple


class StageFile(NamedTuple):
    """A file that a stage publishes.

    Attributes:
        stage: the name of the stage, which is the last part of its asset key.
        name: the name of the file within the stage's folder.
    """

    stage: str
    name: str


CORPUS = StageFile("corpus", "corpus.parquet")
QUERIES = StageFile("queries", "queries.parquet")
QRELS = StageFile("qrels", "qrels.parquet")
CORPUS_EMBEDDINGS = StageFile("corpus_embeddings", "vectors.arrow")
QUERY_EMBEDDINGS = StageFile("query_embeddings", "vectors.arrow")
FAISS_INDEX = StageFile("faiss_index", "index.faiss")
FAISS_INDEX_IDS = StageFile("faiss_index", "ids.parquet")
# of several retrievers, joined; what each of them found has the name of `retriever_candidates`
CANDIDATES = StageFile("candidates", "candidates.parquet")
# which vectors were searched, so that the next run knows what has changed
SEARCHED_DOCUMENTS = StageFile("candidates", "documents.parquet")
SEARCHED_QUERIES = StageFile("candidates", "queries.parquet")
RETRIEVAL_QUALITY = StageFile("retrieval_quality", "retrieval_quality.json")
NEGATIVES_TRIAL = StageFile("negatives_trial", "outcome.json")
TRIAL_MEASUREMENTS = StageFile("negatives_trial", "measurements.parquet")
# what was tried, so that the next run knows how much has changed
TRIAL_PAIRS = StageFile("negatives_trial", "pairs.parquet")
CALIBRATION = StageFile("calibration", "calibration.json")
FALSE_NEGATIVE_AUDIT = StageFile("false_negative_audit", "audit.parquet")
AUDIT_CHART = StageFile("false_negative_audit", "rate_against_hardness.png")
TEACHER_SCORES = StageFile("teacher_scores", "teacher_scores.parquet")
HARD_NEGATIVES = StageFile("hard_negatives", "hard_negatives.parquet")
LEDGER = StageFile("hard_negatives", "ledger.parquet")
# of this sample and of earlier ones, whose verdicts may still come
REVIEW_SAMPLE = StageFile("review_sample", "review_sample.parquet")
REVIEW_SAMPLE_CSV = StageFile("review_sample", "review_sample.csv")
REVIEW_PAGE = StageFile("review_sample", "review.html")
JUDGE_VERDICTS = StageFile("judge_verdicts", "judge_verdicts.parquet")
REVIEW_RESULT = StageFile("review_result", "review_result.json")
DRIFT = StageFile("drift", "drift.json")
DRIFT_NEGATIVES = StageFile("drift", "negatives.parquet")
DRIFT_DOCUMENTS = StageFile("drift", "documents.parquet")
LIKELY_MISSING_LABELS = StageFile("likely_missing_labels", "likely_missing_labels.parquet")
LIKELY_MISSING_LABELS_CSV = StageFile("likely_missing_labels", "likely_missing_labels.csv")
SUSPECT_POSITIVES = StageFile("suspect_positives", "suspect_positives.parquet")
SUSPECT_POSITIVES_CSV = StageFile("suspect_positives", "suspect_positives.csv")
SUSPECT_POSITIVES_PAGE = StageFile("suspect_positives", "suspects.html")
TRAINING_SET = StageFile("training_set", "ids.parquet")
FINE_TUNED_MODEL = StageFile("fine_tuned_model", "training_log.json")
FINE_TUNED_QUALITY = StageFile("fine_tuned_quality", "fine_tuned_quality.json")
QUALITY_BY_QUERY = StageFile("fine_tuned_quality", "quality_by_query.parquet")
PROMOTED_MODEL = StageFile("promoted_model", "lineage.json")
REPORT = StageFile("report", "report.html")
HUB_COMMITS = StageFile("hub_commits", "hub_commits.json")

# within the folders of `fine_tuned_model` and `promoted_model`
MODEL_FOLDER = "model"
# within that of `fine_tuned_model`, if `training.tensorboard` asks for it
TENSORBOARD_FOLDER = "tensorboard"

# not published by a stage: every vector that was ever made
VECTOR_CACHE = "vector_cache"
# nor this: what a training that was killed goes on from
CHECKPOINTS = "training_checkpoints"
# nor this: every answer of a judge that was paid for
JUDGE_ANSWERS = "judge_answers.jsonl"
# nor this: what the runs of a trial gave, for one that was killed or gets more time
TRIAL_RUNS = "trial_runs"


def retriever_candidates(retriever: str) -> StageFile:
    """The rankings of one of several retrievers, which have a stage of their own.

    >>> retriever_candidates("bm25").stage
    'candidates_bm25'
    """
    return StageFile(f"{CANDIDATES.stage}_{retriever}", CANDIDATES.name)


def stage_names() -> list[str]:
    """The names of all stages, in the order data flow."""
    files = [value for value in globals().values() if isinstance(value, StageFile)]
    return list(dict.fromkeys(file.stage for file in files))
