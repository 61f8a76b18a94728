"""Models that were trained with prompts, for those whose own files do not say so.

The prompts are those of the models' cards for finding passages that answer a query. None of them is
put before a text by itself: who trains a model further may have left them out.
"""

import re
from collections.abc import Iterable
from typing import NamedTuple

from hn_assets.encoding.models.prompt import PROMPTS_FILE, Kind, Prompt

# the same in Chinese, which ends with a wide colon
_FIND_PASSAGES_ZH = "为这个句子生成表示以用于检索相关文章\uff1a"
_FIND_PASSAGES = "Represent this sentence for searching relevant passages: "
_TASK = "Given a web search query, retrieve relevant passages that answer the query"


class KnownPrompts(NamedTuple):
    """The prompts of a family of models.

    Attributes:
        family: What people call it.
        name: A regular expression that finds the names of its models, in lower case.
        query: What stands before a query.
        passage: What stands before a passage; "" for nothing.
    """

    family: str
    name: str
    query: str
    passage: str = ""


# The first that fits counts.
KNOWN_PROMPTS = (
    KnownPrompts("E5 with instructions", r"\be5-.*instruct", f"Instruct: {_TASK}\nQuery: "),
    KnownPrompts("E5", r"\be5-(small|base|large)", "query: ", "passage: "),
    KnownPrompts("Nomic", r"\bnomic-embed-text", "search_query: ", "search_document: "),
    KnownPrompts("BGE", r"\bbge-(small|base|large)-en", _FIND_PASSAGES),
    KnownPrompts("BGE", r"\bbge-(small|base|large)-zh", _FIND_PASSAGES_ZH),
    KnownPrompts("GTE-Qwen", r"\bgte-qwen", f"Instruct: {_TASK}\nQuery: "),
    KnownPrompts(
        "EmbeddingGemma",
        r"\bembeddinggemma",
        "task: search result | query: ",
        "title: none | text: ",
    ),
    KnownPrompts("Qwen3-Embedding", r"\bqwen3-embedding", f"Instruct: {_TASK}\nQuery:"),
    KnownPrompts("mxbai", r"\bmxbai-embed", _FIND_PASSAGES),
    KnownPrompts("Snowflake Arctic 2.0", r"\barctic-embed-.*v2", "query: "),
    KnownPrompts("Snowflake Arctic", r"\barctic-embed", _FIND_PASSAGES),
    KnownPrompts("Stella", r"\bstella_en_.*v5", f"Instruct: {_TASK}.\nQuery: "),
    KnownPrompts(
        "Instructor",
        r"\binstructor-(base|large|xl)",
        "Represent the question for retrieving supporting documents: ",
        "Represent the document for retrieval: ",
    ),
)


def known_prompts(names: Iterable[str]) -> KnownPrompts | None:
    """What is known of a model that goes by one of these names; None if nothing is.

    >>> known_prompts(["intfloat/multilingual-e5-base"]).passage
    'passage: '
    """
    for name in names:
        for known in KNOWN_PROMPTS:
            if re.search(known.name, name.lower()):
                return known
    return None


def missing_prompt(
    model: str, names: Iterable[str], kind: Kind, prompt: Prompt, default: str = ""
) -> str:
    """What to tell people if a model seems to want a prompt and gets none; "" otherwise.

    Args:
        model: What the settings call it.
        names: All that it may be known by.
        kind: Queries or passages.
        prompt: The prompt that it gets; that of the settings is meant, even if it is empty.
        default: The prompt that its own file names for texts that are of no kind.
    """
    if prompt.instruction or prompt.source == "settings":
        return ""
    known = known_prompts(names)
    wanted = "" if known is None else known.query if kind == "query" else known.passage
    if wanted and known is not None:
        why = f"models of the family {known.family} were trained with one"
    elif default and known is None:
        wanted, why = default, f"{PROMPTS_FILE} names one for texts of no kind"
    else:
        return ""
    kinds = "queries" if kind == "query" else "passages"
    return (
        f"the model {model} is given its {kinds} without a prompt, and {why}: set "
        f'encoding.{kind}_instruction to {wanted!r}, or to "" if it was trained without'
    )
