"""FlagEmbedding's JSONL: a line per query."""

from hn_assets_tests.export.export_inputs import Inputs, read_jsonl


def test_flagembedding_lines(inputs: Inputs) -> None:
    report = inputs.export()
    assert read_jsonl(inputs.folder / "out" / "flagembedding.jsonl") == [
        {
            "query": "query p",
            "pos": ["line\u2028separator", "Title 0 text 0", "Title 1 text 1"],
            "neg": ["Title 4 text 4", "Title 5 text 5"],
        },
        {"query": "query q", "pos": ["Title 2 text 2"], "neg": ["Title 6 text 6"]},
    ]
    assert (report.queries_exported, report.positives, report.negatives) == (2, 4, 3)
    assert report.queries_without_negatives == 1, "r"
    assert report.queries_without_positives == 1, "s"
    assert report.blank_positives == 2
    assert "query p" in report.example


def test_a_negative_judged_not_relevant_is_no_positive(inputs: Inputs) -> None:
    inputs.export(include_title=False)
    texts = [
        p for row in read_jsonl(inputs.folder / "out" / "flagembedding.jsonl") for p in row["pos"]
    ]
    assert texts == ["line\u2028separator", "text 0", "text 1", "text 2"]


def test_a_prompt_on_one_line_puts_one_on_all(inputs: Inputs) -> None:
    path = inputs.folder / "out" / "flagembedding.jsonl"
    inputs.export(formats=["flagembedding"])
    assert not any("prompt" in row for row in read_jsonl(path))
    inputs.queries[1] = ("q", "query q", "train", "Prompt: ")
    inputs.export(formats=["flagembedding"])
    assert [row["prompt"] for row in read_jsonl(path)] == ["", "Prompt: "]


def test_prompts_of_queries_that_are_not_exported_do_not_count(inputs: Inputs) -> None:
    inputs.queries[2:] = [(q, f"query {q}", "train", "Prompt: ") for q in "rs"]
    inputs.export(formats=["flagembedding"])
    rows = read_jsonl(inputs.folder / "out" / "flagembedding.jsonl")
    assert not any("prompt" in row for row in rows)


def test_scores_stand_beside_the_texts(inputs: Inputs) -> None:
    inputs.add_teacher()
    inputs.export(include_title=False)
    out = inputs.folder / "out"
    first, second = read_jsonl(out / "flagembedding.jsonl")
    assert (first["pos_scores"], first["neg_scores"]) == ([9.0, 8.0, 7.0], [-1.0, -2.0])
    assert (second["pos_scores"], second["neg_scores"]) == ([4.0], [0.5])
