"""A dataset of things with facts about them, some of which nobody labelled."""

from pathlib import Path

from hn_assets_tests.collections_on_disk import write_beir

WORDS = """
    apple bicycle candle desert engine feather guitar harbour island jacket kettle lantern
    mountain needle orchard piano quarry river saddle tunnel umbrella violin windmill xylophone
    yacht zebra anchor bridge castle dolphin elephant forest glacier hammer iceberg jungle kite
    ladder mirror notebook
"""
THINGS = WORDS.split()
FACTS = [
    "The {} has been known to people since ancient times.",
    "A famous painter once drew a {} from memory.",
    "Children learn early what a {} looks like.",
    "Scientists have studied the {} for two hundred years.",
    "The word {} has the same root in many languages.",
    "A {} can be seen in the museum of the town.",
]
LABELLED = 4


def write_partly_labelled(folder: Path) -> Path:
    """40 things with six facts each; of a query's six relevant passages four are labelled."""
    documents = {
        f"{thing}-{number}": fact.format(thing)
        for thing in THINGS
        for number, fact in enumerate(FACTS)
    }
    queries = {f"q-{thing}": f"tell me about the {thing}" for thing in THINGS}
    train = [
        (f"q-{thing}", f"{thing}-{(place + n) % 6}", 1)
        for place, thing in enumerate(THINGS)
        for n in range(LABELLED)
    ]
    return write_beir(folder, documents, queries, {"train": train, "test": train[:0]})


def relevant(query_id: str, doc_id: str) -> bool:
    return query_id.removeprefix("q-") == doc_id.rsplit("-", 1)[0]
