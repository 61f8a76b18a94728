"""Small models that tests make themselves, and the bundled one."""

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from hn_assets.encoding.encoder import Encoder
from hn_assets.encoding.models.model import LoadedModel, bundled_model_folder, load_model
from hn_assets.settings.encoding import EncodingSettings

# what a query and a passage may share without being on the same subject
_NAMES_NOTHING = """
    tell me about the a an it is was of in by and to , . ? [PAD] [UNK] [CLS] [SEP] [MASK]
"""


@lru_cache
def minilm(precision: str = "float32") -> LoadedModel:
    """all-MiniLM-L6-v2, loaded once per test run."""
    return load_model(EncodingSettings(), devices=["cpu"], precision=precision)


def minilm_encoder(**options) -> Encoder:
    """An encoder of its own (so with counters of its own) over the shared model."""
    return Encoder(minilm(), devices=["cpu"], **options)


def make_cross_encoder(folder: Path) -> Path:
    """A cross-encoder that scores 4 if a passage names what its query asks for, and else -4.

    Its weights are set by hand, so that it needs no training and is right on every CPU. In the
    first layer every word of the passage looks for itself in the query; in the second one the token
    from which the score is read looks for a word of the passage that was found.
    """
    import torch
    from transformers import AutoTokenizer, BertConfig, BertForSequenceClassification

    tokenizer = AutoTokenizer.from_pretrained(bundled_model_folder())
    words = 128  # dimensions that tell words apart; those after them are flags
    names, in_query, in_passage, is_first, is_found, answers, size = range(words, words + 7)
    scale = size**0.5  # attention divides by it
    config: Any = BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=size,
        num_hidden_layers=2,
        num_attention_heads=1,
        intermediate_size=1,
        num_labels=1,  # type: ignore[call-arg]
        layer_norm_eps=1e6,  # with weights of 1e3: the layers normalize nothing
    )
    model: Any = BertForSequenceClassification(config)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for weights in model.parameters():
            weights.zero_()
        for name, weights in model.named_parameters():
            if name.endswith("LayerNorm.weight"):
                weights.fill_(1e3)
        embeddings = model.bert.embeddings
        order = torch.rand(config.vocab_size, words, generator=generator).argsort(dim=1)
        embeddings.word_embeddings.weight[:, :words] = (order % 2) * 2.0 - 1
        embeddings.word_embeddings.weight[:, names] = 1
        embeddings.word_embeddings.weight[
            tokenizer.convert_tokens_to_ids(_NAMES_NOTHING.split())
        ] = 0
        embeddings.word_embeddings.weight[tokenizer.cls_token_id, is_first] = 1
        embeddings.token_type_embeddings.weight[0, in_query] = 1
        embeddings.token_type_embeddings.weight[1, in_passage] = 1

        find, read = (layer.attention for layer in model.bert.encoder.layer)
        # the same word counts 40, and one of the query 40 more; the first token counts 67, so that
        # a word that is not there, of which the vectors agree by chance alone, looks at it
        each_word = torch.arange(words)
        find.self.query.weight[each_word, each_word] = 40 / words * scale
        find.self.key.weight[each_word, each_word] = 1
        find.self.query.weight[in_query, in_passage] = 40 * scale
        find.self.key.weight[in_query, in_query] = 1
        find.self.query.weight[is_first, in_passage] = 27 * scale
        find.self.key.weight[is_first, is_first] = 1
        find.self.value.weight[is_found, names] = 1
        find.output.dense.weight[is_found, is_found] = 1
        # words of the query find themselves, so that a word counts if it is of the passage as well
        read.self.query.bias[answers] = 30 * scale
        for flag in (is_found, in_passage):
            read.self.key.weight[answers, flag] = 1
            read.self.value.weight[answers, flag] = 1
        read.output.dense.weight[answers, answers] = 1
        # it is 2 if there is such a word, and else 1
        model.bert.pooler.dense.weight[0, answers] = 1
        model.bert.pooler.dense.bias[0] = -1.5
        model.classifier.weight[0, 0] = 4 / float(torch.tensor(0.5).tanh())
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def make_tiny_bert(
    folder: Path, *, dimension: int = 32, seed: int = 0, deviation: float = 0.02
) -> Path:
    """A two-layer BERT with random weights and MiniLM's tokenizer, saved to `folder`.

    With a larger deviation of the weights, vectors of different texts are less alike.
    """
    import torch
    from transformers import AutoTokenizer, BertConfig, BertModel

    torch.manual_seed(seed)
    config = BertConfig(
        vocab_size=30522,
        hidden_size=dimension,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=2 * dimension,
        initializer_range=deviation,
    )
    BertModel(config).save_pretrained(folder)
    AutoTokenizer.from_pretrained(bundled_model_folder()).save_pretrained(folder)
    return folder


def make_bag_of_words_model(folder: Path, *, dimension: int = 64) -> Path:
    """A model that gives, without `normalize`, the same bytes on every CPU.

    A vector is the mean of the vectors of its words. Their components are 1 and -1, as many of each
    as of the other, and the layers change nothing: a normalization divides by the root of 2^20 and
    multiplies by 2^10. So no sum is rounded.
    """
    import torch
    from transformers import AutoTokenizer, BertConfig, BertModel

    tokenizer = AutoTokenizer.from_pretrained(bundled_model_folder())
    config = BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=dimension,
        num_hidden_layers=1,
        num_attention_heads=1,
        intermediate_size=1,
        layer_norm_eps=2.0**20 - 1,
    )
    model: Any = BertModel(config)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for name, weights in model.named_parameters():
            weights.fill_(2.0**10 if name.endswith("LayerNorm.weight") else 0)
        order = torch.rand(config.vocab_size, dimension, generator=generator).argsort(dim=1)
        model.embeddings.word_embeddings.weight.copy_((order % 2) * 2.0 - 1)
        model.embeddings.word_embeddings.weight[tokenizer.all_special_ids] = 0
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def make_tiny_decoder(folder: Path, *, dimension: int = 32) -> Path:
    """A two-layer decoder with random weights and MiniLM's tokenizer, saved to `folder`."""
    import torch
    from transformers import AutoTokenizer, Qwen3Config, Qwen3Model

    torch.manual_seed(0)
    config = Qwen3Config(
        vocab_size=30522,
        hidden_size=dimension,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        head_dim=dimension // 2,
        intermediate_size=2 * dimension,
        max_position_embeddings=512,
    )
    Qwen3Model(config).save_pretrained(folder)
    AutoTokenizer.from_pretrained(bundled_model_folder()).save_pretrained(folder)
    return folder


def make_sentence_transformer(
    folder: Path,
    transformer: Path,
    *,
    pooling: str = "mean",
    heads: Sequence[Any] = (),
    max_length: int = 48,
    **options: Any,
) -> Path:
    """A folder as sentence-transformers saves it, of a model of transformers.

    Args:
        folder: The folder to write.
        transformer: The folder of the model.
        pooling: As sentence-transformers calls it.
        heads: Its modules behind the pooling.
        max_length: How many tokens of a text are read.
        options: `prompts`, `similarity_fn_name` and the like of `SentenceTransformer`.
    """
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.base.modules.transformer import Transformer
    from sentence_transformers.sentence_transformer.modules.pooling import Pooling

    first = Transformer(str(transformer), max_seq_length=max_length)
    pool = Pooling(first.get_embedding_dimension(), pooling)  # type: ignore[arg-type]
    model = SentenceTransformer(modules=[first, pool, *heads], device="cpu", **options)
    model.save_pretrained(str(folder), create_model_card=False)
    return folder
