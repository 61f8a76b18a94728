"""A model as sentence-transformers has it: used as it is encoded with."""

from typing import Any

from hn_assets.encoding.models.heads import load_modules
from hn_assets.encoding.models.own_files import POOLINGS
from hn_assets.training.training_job import TrainingJob

POOLING_MODES = {ours: theirs for theirs, ours in POOLINGS.items()}


def open_model(folder: str, job: TrainingJob, max_length: int) -> Any:
    """The `SentenceTransformer` that gives the vectors that the encoder gives.

    It is put together from its parts, since a folder need not say how its model is used, and the
    settings may say otherwise.

    Args:
        folder: The folder of the transformer and of the modules behind the pooling.
        job: Says how the model is used.
        max_length: How many tokens of a text are read.
    """
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.base.modules.normalize import Normalize
    from sentence_transformers.base.modules.transformer import Transformer
    from sentence_transformers.sentence_transformer.modules.pooling import Pooling

    code = {"trust_remote_code": job.trust_remote_code}
    transformer = Transformer(
        folder,
        max_seq_length=max_length,
        model_kwargs=code,
        config_kwargs=code,
        do_lower_case=job.lower_case,
    )
    pool = Pooling(transformer.get_embedding_dimension(), POOLING_MODES[job.pooling])  # type: ignore[arg-type]
    heads = load_modules(folder, job.heads, trust_remote_code=job.trust_remote_code)
    last = [Normalize()] if job.normalize else []
    return SentenceTransformer(modules=[transformer, pool, *heads, *last], device="cpu")


def save_model(model: Any, job: TrainingJob) -> None:
    """Save a model so that sentence-transformers, FlagEmbedding and transformers can load it.

    Its files say how it is used: with which prompts, and how its vectors are compared.
    """
    model.max_seq_length = job.model_max_length
    # in the place of those of training
    model[0].query_length, model[0].document_length = job.model_query_length, None
    model.prompts = {"query": "", "document": "", **job.prompts}
    model.truncate_dim = job.dimensions
    if not job.normalize:
        model.similarity_fn_name = "dot"
    model.save_pretrained(job.output, create_model_card=False)
