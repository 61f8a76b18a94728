"""The stages of a dataset, in the order data flow, and the file that each hands on."""

CORPUS = "corpus"
QUERIES = "queries"
QRELS = "qrels"
CORPUS_EMBEDDINGS = "corpus_embeddings"
QUERY_EMBEDDINGS = "query_embeddings"
FAISS_INDEX = "faiss_index"
CANDIDATES = "candidates"
HARD_NEGATIVES = "hard_negatives"
TRAINING_SET = "training_set"

FILES = {
    CORPUS: "corpus.parquet",
    QUERIES: "queries.parquet",
    QRELS: "qrels.parquet",
    CORPUS_EMBEDDINGS: "vectors.arrow",
    QUERY_EMBEDDINGS: "vectors.arrow",
    FAISS_INDEX: "index.faiss",
    CANDIDATES: "candidates.parquet",
    HARD_NEGATIVES: "hard_negatives.parquet",
    TRAINING_SET: "ids.parquet",
}
