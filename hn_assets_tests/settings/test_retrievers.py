"""The section `retrievers`, and what names a retriever elsewhere."""

from typing import Any

import pytest
from pydantic import ValidationError

from hn_assets.settings.dataset import DatasetSettings
from hn_assets.settings_base import describe_invalid
from hn_assets.trial.plans import apply_plan, plans_to_try

BOTH = [{"type": "dense"}, {"type": "bm25"}]


def settings(**sections: Any) -> DatasetSettings:
    return DatasetSettings.model_validate({"source": {"type": "python_stdlib"}, **sections})


@pytest.mark.parametrize(
    ("sections", "said"),
    [
        ({"retrievers": [{"type": "bm25"}] * 2}, "two retrievers are called 'bm25': give one of"),
        (
            {"retrievers": [{"type": "dense"}, {"type": "dense", "name": "again"}]},
            "dense and again are both the dataset's own encoder",
        ),
        ({"retrievers": [{"type": "bm25", "name": "random"}]}, "cannot be called 'random'"),
        ({"retrievers": [{"type": "bm25", "name": "BM-25"}]}, "name"),
        (
            {"retrievers": [{"type": "bm25", "name": f"r{i}"} for i in range(7)]},
            "at most 6 items",
        ),
        (
            {"retrievers": BOTH, "search": {"order": "bm52"}},
            "search.order: unknown order 'bm52' (did you mean 'bm25'?); known orders: auto, bm25",
        ),
        ({"search": {"order": "bm25"}}, "unknown order 'bm25'"),
        (
            {"retrievers": BOTH, "mining": {"quotas": {"bm24": 3}}},
            "mining.quotas: unknown retriever 'bm24' (did you mean 'bm25'?); known retrievers: bm2",
        ),
        (
            {
                "retrievers": BOTH,
                "trial": {"plans": [{"name": "a", "mining": {"quotas": {"x": 1}}}, {"name": "b"}]},
            },
            "mining.quotas of the plan 'a': unknown retriever 'x'",
        ),
        (
            {"retrievers": BOTH, "mining": {"quotas": {"dense": 10, "bm25": 6}}},
            "mining.quotas add up to 16, more than mining.num_negatives 15: lower a quota",
        ),
        (
            {"retrievers": BOTH, "mining": {"quotas": {"dense": 14}, "random_share": 0.2}},
            "add up to 14, more than mining.num_negatives 15 less 3 drawn at random",
        ),
        ({"retrievers": BOTH, "mining": {"quotas": {"dense": 0}}}, "must be 1 or more"),
    ],
)
def test_what_cannot_work_is_refused_with_the_remedy(sections: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError) as caught:
        settings(**sections)
    assert said in describe_invalid(caught.value)


def test_the_encoder_alone_is_one_retriever_whether_it_is_named_or_not() -> None:
    for section in ([], [{"type": "dense"}]):
        found = settings(retrievers=section)
        assert not found.joins_retrievers
        assert found.retriever_names == ("dense",) and found.own_retriever == "dense"
    renamed = settings(retrievers=[{"type": "dense", "name": "minilm"}])
    assert renamed.joins_retrievers and renamed.own_retriever == "minilm"
    words = settings(retrievers=[{"type": "bm25"}], search={"order": "bm25"})
    assert words.joins_retrievers and words.own_retriever is None


def test_a_retriever_is_lexical_by_its_kind_and_not_by_its_name() -> None:
    found = settings(
        retrievers=[
            {"type": "dense"},
            {"type": "run", "name": "bm25", "path": "bm25.trec"},
            {"type": "bm25", "name": "words"},
        ]
    )
    assert found.lexical_retrievers == ("words",)
    assert settings(retrievers=[]).lexical_retrievers == ()
    told = {"type": "run", "name": "lucene", "path": "bm25.trec", "lexical": True}
    assert settings(retrievers=[told]).lexical_retrievers == ("lucene",)


def test_plans_of_a_trial_differ_in_quotas_and_say_so_in_what_they_keep() -> None:
    found = settings(
        retrievers=BOTH,
        mining={"quotas": {"dense": 5}},
        trial={
            "plans": [{"name": "these settings"}, {"name": "w", "mining": {"quotas": {"bm25": 7}}}]
        },
    )
    assert found.trial is not None
    own, words = plans_to_try(found.trial.plans, found.mining, found.filters)
    assert own.mining.quotas == {"dense": 5} and words.mining.quotas == {"bm25": 7}
    assert apply_plan(words.to_json(), found.mining, found.filters)[0].quotas == {"bm25": 7}
    # a plan without quotas has none, whatever the section says
    (plain, *_) = plans_to_try((), found.mining.model_copy(update={"quotas": {}}), found.filters)
    assert "quotas" not in plain.to_json()["mining"]
    assert apply_plan(plain.to_json(), found.mining, found.filters)[0].quotas == {}


@pytest.mark.parametrize(
    ("retrievers", "order", "wanted"),
    [
        (BOTH, "auto", "dense"),
        (BOTH, "bm25", "bm25"),
        ([{"type": "dense", "name": "ours"}, {"type": "bm25"}], "auto", "ours"),
        ([{"type": "bm25"}], "auto", "reciprocal_rank_fusion"),
        (BOTH, "reciprocal_rank_fusion", "reciprocal_rank_fusion"),
    ],
)
def test_the_encoder_orders_what_is_joined_if_it_is_a_retriever(
    retrievers: list[dict[str, Any]], order: str, wanted: str
) -> None:
    assert settings(retrievers=retrievers, search={"order": order}).candidate_order == wanted
