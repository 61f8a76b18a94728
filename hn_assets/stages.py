"""The stages of a dataset, in the order data flow, and the file that each hands on."""

CORPUS = "corpus"
QUERIES = "queries"
QRELS = "qrels"
CORPUS_EMBEDDINGS = "corpus_embeddings"
QUERY_EMBEDDINGS = "query_embeddings"
FAISS_INDEX = "faiss_index"
CANDIDATES = "candidates"
RETRIEVAL_QUALITY = "retrieval_quality"
CALIBRATION = "calibration"
TEACHER_SCORES = "teacher_scores"
FALSE_NEGATIVE_AUDIT = "false_negative_audit"
HARD_NEGATIVES = "hard_negatives"
DRIFT = "drift"
LIKELY_MISSING_LABELS = "likely_missing_labels"
TRAINING_SET = "training_set"
REPORT = "report"

SOURCE = (CORPUS, QUERIES, QRELS)

FILES = {
    CORPUS: "corpus.parquet",
    QUERIES: "queries.parquet",
    QRELS: "qrels.parquet",
    CORPUS_EMBEDDINGS: "vectors.arrow",
    QUERY_EMBEDDINGS: "vectors.arrow",
    FAISS_INDEX: "index.faiss",
    CANDIDATES: "candidates.parquet",
    RETRIEVAL_QUALITY: "retrieval_quality.json",
    CALIBRATION: "calibration.json",
    TEACHER_SCORES: "teacher_scores.parquet",
    FALSE_NEGATIVE_AUDIT: "audit.parquet",
    HARD_NEGATIVES: "hard_negatives.parquet",
    DRIFT: "drift.json",
    LIKELY_MISSING_LABELS: "likely_missing_labels.parquet",
    TRAINING_SET: "ids.parquet",
    REPORT: "report.html",
}
