"""The losses that a model can be trained with by sentence-transformers."""

from typing import Any

from hn_assets.settings.training import TrainingSettings


def make_loss(model: Any, settings: TrainingSettings, *, processes: int = 1) -> Any:
    """The loss that the settings name, at every one of the Matryoshka dimensions if there are any.

    `multiple_negatives_ranking` is InfoNCE over the positives and hard negatives of the batch (van
    den Oord et al., https://arxiv.org/abs/1807.03748); `cached_...` computes it in parts
    (GradCache, https://arxiv.org/abs/2101.06983); `margin_mse` learns the teacher's margins
    (https://arxiv.org/abs/2010.02666), `kl_divergence` its distribution over the passages.

    Args:
        model: The `SentenceTransformer`.
        settings: The settings of training.
        processes: How many processes train; the passages of a step are then negatives for the
            queries of all of them, as they are for one process with as many examples.
    """
    from sentence_transformers.sentence_transformer import losses

    scale = 1 / settings.temperature
    loss: Any
    if settings.loss == "margin_mse":
        loss = losses.MarginMSELoss(model)
    elif settings.loss == "kl_divergence":
        loss = losses.DistillKLDivLoss(model)
    elif settings.loss == "cached_multiple_negatives_ranking":
        loss = losses.CachedMultipleNegativesRankingLoss(
            model,
            scale=scale,
            mini_batch_size=settings.mini_batch_size,
            gather_across_devices=processes > 1,
        )
    else:
        loss = losses.MultipleNegativesRankingLoss(
            model, scale=scale, gather_across_devices=processes > 1
        )
    if settings.matryoshka_dimensions:
        whole = model.get_embedding_dimension()
        smaller = [size for size in settings.matryoshka_dimensions if size < whole]
        loss = losses.MatryoshkaLoss(model, loss, [whole, *smaller])
    return loss
