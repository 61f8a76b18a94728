"""The numbers by which candidates are judged."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from hn_assets.mining.data.candidate_block import CandidateBlock
from hn_assets.mining.data.indexed_dataset import DocumentsByQuery
from hn_assets.mining.holdout.holdout import Holdout
from hn_assets.mining.relevance.compute_features import (
    MODEL_INPUTS,
    candidate_features,
    model_inputs,
    names_of_inputs,
    with_probability,
)
from hn_assets.mining.relevance.cross_query import CrossQueryFinder
from hn_assets.mining.relevance.prior import shipped_prior
from hn_assets.mining.relevance.similarity import (
    BEST,
    Similarities,
    closest_and_mean,
    mean_direction,
    similarities,
)
from hn_assets_tests.mining.holdout.topics_dataset import TopicsDataset
from hn_assets_tests.mining.ranked_dataset import RankedDataset, VectorsInMemory


def test_places_and_differences_count_what_is_eligible() -> None:
    block = RankedDataset(documents=4).block()
    ones = np.ones((1, 4), np.float32)
    features = candidate_features(
        block,
        eligible=np.array([[True, False, True, True]]),
        reference_scores=np.array([[0.5, 0.75, 1.0]], np.float32),
        similarity=Similarities(ones, ones * 0.5, *[ones * 0.25] * 3),
    )
    assert features.place.tolist() == [[0, 0, 1, 2]]
    expected = [1.0 - 0.75, 0.0, 0.98 - 0.75, 0.97 - 0.75]
    assert features.score_minus_mean_positive[0].tolist() == pytest.approx(expected)
    assert features.reference("max").tolist() == [[1.0]]
    with pytest.raises(ValueError, match="cross_query_similarity"):
        model_inputs(features)


def test_the_model_reads_a_number_for_each_of_its_inputs() -> None:
    dataset = RankedDataset(queries=2)
    block, indexed = dataset.block(), dataset.indexed
    shape = block.documents.shape
    features = candidate_features(
        block,
        eligible=np.ones(shape, bool),
        reference_scores=np.ones((2, 3), np.float32),
        similarity=similarities(
            block,
            indexed.positives,
            dataset.document_vectors,
            mean_direction(dataset.query_vectors),
        ),
        cross_query_similarity=np.full(shape, 0.5, np.float32),
    )
    inputs = model_inputs(features)
    assert inputs.shape == (*shape, len(MODEL_INPUTS))
    assert inputs.dtype == np.float32
    assert features.take(np.array([False, True])).scores.shape == (1, shape[1])


def test_cosines_to_the_positives_are_those_of_the_vectors() -> None:
    dataset = RankedDataset()
    dataset.judge("q0", "d7", 1)
    direction = mean_direction(dataset.query_vectors)
    found = similarities(
        dataset.block(), dataset.indexed.positives, dataset.document_vectors, direction
    )
    cosines = dataset.document_vectors.vectors @ dataset.document_vectors.vectors[[2, 7]].T
    assert np.allclose(found.closest[0], cosines.max(axis=1), atol=1e-6)
    assert np.allclose(found.mean[0], cosines.mean(axis=1), atol=1e-6)
    assert np.allclose(found.queries[0], dataset.document_vectors.vectors @ direction, atol=1e-6)
    among = dataset.document_vectors.vectors @ dataset.document_vectors.vectors[:BEST].T
    # a candidate's cosine to itself says nothing
    np.fill_diagonal(among, np.nan)
    assert np.allclose(found.best[0], np.nanmean(among, axis=1), atol=1e-6)


def test_an_encoder_whose_cosines_lie_closer_together_gives_the_same_inputs() -> None:
    """A direction that all vectors share takes cosines from -0.2 to 0.9 up to 0.8 to 1."""
    plain, shifted = _inputs_of(0.0), _inputs_of(2.0)
    rank = MODEL_INPUTS.index("log of rank")
    assert np.array_equal(plain[..., rank], shifted[..., rank])
    for number, name in enumerate(MODEL_INPUTS):
        both = np.corrcoef(plain[..., number].ravel(), shifted[..., number].ravel())
        if plain[..., number].any():
            assert both[0, 1] > 0.97, name
            assert shifted[..., number].std() == pytest.approx(plain[..., number].std(), rel=0.25)


def _inputs_of(shared: float) -> NDArray[np.float32]:
    """The inputs of the candidates of topics, whose vectors share a direction of some length."""
    topics = TopicsDataset(topics=20)
    vectors = []
    for source in (topics.document_vectors, topics.query_vectors):
        longer = np.concatenate([source.vectors, np.full((len(source), 1), shared)], axis=1)
        longer /= np.linalg.norm(longer, axis=1, keepdims=True)
        vectors.append(VectorsInMemory(source.ids, longer))
    documents, queries = vectors
    scores = queries.vectors @ documents.vectors.T
    ranked = topics.block.documents
    block = CandidateBlock(topics.block.queries, ranked, np.take_along_axis(scores, ranked, 1))
    holdout = Holdout(lambda _: [block], topics.indexed, queries, documents, seed=1)
    everything = holdout.all_visible()
    return model_inputs(holdout.hide(everything, everything).features)


def test_a_mask_and_a_choice_of_positives_give_the_same() -> None:
    cosines = np.random.default_rng(0).uniform(-1, 1, (3, 20, 6)).astype(np.float32)
    known = np.array([True, False, True, True, False, True])
    masked = closest_and_mean(cosines, np.broadcast_to(known, cosines.shape))
    chosen = closest_and_mean(cosines[:, :, known])
    for left, right in zip(masked, chosen, strict=True):
        assert np.allclose(left, right, atol=1e-6)
    for nothing in (
        closest_and_mean(cosines[:, :, :0]),
        closest_and_mean(cosines, np.zeros(cosines.shape, bool)),
    ):
        assert all((part == -1).all() for part in nothing)


def test_the_nearest_other_query_that_a_candidate_answers_counts() -> None:
    queries = VectorsInMemory(["q0", "q1", "q2"], np.array([[1, 0], [0.6, 0.8], [0.8, 0.6]]))
    positives = DocumentsByQuery.build(np.array([0, 1, 2, 2]), np.array([0, 1, 1, 2]), 3)
    finder = CrossQueryFinder(positives, queries, documents=4)
    candidates = np.array([[0, 1, 2, 3, -1]])
    matches = finder.find(np.array([0]), candidates)
    # of three cosines, 0.6, 0.8 and 0.96, the mean counts as no similarity
    mean = (0.6 + 0.8 + 0.96) / 3
    near = (0.8 - mean) / (1 - mean)
    # d0 is a positive of the query itself, d1 of both others, d3 of none
    assert matches.highest((1, 5))[0].tolist() == pytest.approx([0, near, near, 0, 0])
    of_the_first = positives.queries()[matches.positive] == 1
    assert matches.highest((1, 5), of_the_first)[0].tolist() == [0, 0, 0, 0, 0]


def test_a_rank_by_words_counts_up_to_where_deeper_searches_begin() -> None:
    dataset = RankedDataset(documents=5)
    shape = dataset.block().documents.shape
    ranks = np.array([[[0, 3, -1], [1, 250, 7], [2, -1, -1], [3, 200, 400], [4, 0, 0]]], np.int32)
    retrievers = ("dense", "words", "exact")
    block = replace(dataset.block(), retrievers=retrievers, ranks=ranks)

    def inputs_of(block: CandidateBlock, lexical: tuple[str, ...]) -> NDArray[np.float32]:
        features = candidate_features(
            block,
            eligible=np.ones(shape, bool),
            reference_scores=np.ones((1, 3), np.float32),
            similarity=Similarities(*[np.ones(shape, np.float32)] * 5),
            cross_query_similarity=np.zeros(shape, np.float32),
            lexical_retrievers=lexical,
        )
        assert len(names_of_inputs(features)) == model_inputs(features).shape[-1]
        return model_inputs(features)

    plain = inputs_of(block, ())
    assert plain.shape[-1] == len(MODEL_INPUTS)
    for lexical, counted in (
        (("words",), [3, 200, 200, 200, 0]),  # 250 and what is not found count as 200
        (("words", "exact"), [3, 7, 200, 200, 0]),  # the better one
    ):
        found = inputs_of(block, lexical)
        assert np.array_equal(found[..., :-1], plain)
        assert np.allclose(found[0, :, -1], np.log1p(counted))
    with pytest.raises(ValueError, match="do not say what words found"):
        inputs_of(dataset.block(), ("words",))


def test_a_model_that_reads_other_inputs_is_refused() -> None:
    dataset = RankedDataset()
    shape = dataset.block().documents.shape
    features = candidate_features(
        dataset.block(),
        eligible=np.ones(shape, bool),
        reference_scores=np.ones((len(shape), 3), np.float32)[:1],
        similarity=Similarities(*[np.ones(shape, np.float32)] * 5),
        cross_query_similarity=np.zeros(shape, np.float32),
    )
    model = shipped_prior(with_lexical_rank=True).model
    with pytest.raises(ValueError, match=r"log of lexical rank.*calibrate with the retrievers"):
        with_probability(features, model, 0.5)
