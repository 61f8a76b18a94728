"""Whatever the small files of a model hold, it is identified or one error names the file."""

import json
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hn_assets.encoding.models.model import identify_model
from hn_assets.errors import ModelError
from hn_assets.reranking.model import identify_reranker
from hn_assets.settings.encoding import EncodingSettings
from hn_assets.settings.teacher import TeacherSettings
from hn_assets_tests.any_bytes import VALUES, damaged

FILES: dict[str, Any] = {
    "sentence_bert_config.json": {"max_seq_length": 64, "do_lower_case": False},
    "1_Pooling/config.json": {"pooling_mode_cls_token": False, "pooling_mode_mean_tokens": True},
    "2_Dense/config.json": {"out_features": 8, "module_input_name": "sentence_embedding"},
    "modules.json": [
        {"path": "", "type": "sentence_transformers.models.Transformer"},
        {"path": "1_Pooling", "type": "sentence_transformers.models.Pooling"},
        {"path": "2_Dense", "type": "sentence_transformers.models.Dense"},
    ],
    "config_sentence_transformers.json": {
        "prompts": {"query": "query: "},
        "similarity_fn_name": "dot",
        "truncate_dim": 4,
    },
    "config.json": {"architectures": ["XForSequenceClassification"], "id2label": {"0": "LABEL_0"}},
}


@st.composite
def small_files(draw: st.DrawFn) -> dict[str, bytes]:
    """The files, some with values of any type, some with bytes exchanged, lost or added."""
    found = {}
    for name, values in FILES.items():
        named = values if isinstance(values, dict) else {}
        some = st.fixed_dictionaries({}, optional=dict.fromkeys(named, VALUES))
        given_values = draw(st.just(values) | some | VALUES)
        content = json.dumps(given_values).encode()
        found[name] = draw(damaged(st.just(content))) if draw(st.booleans()) else content
    return found


@given(small_files())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_model_is_identified_or_one_error_names_the_file(
    tmp_path: Path, files: dict[str, bytes]
) -> None:
    for name, content in files.items():
        path = tmp_path / "model" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    model = str(tmp_path / "model")
    try:
        found = identify_model(EncodingSettings(model=model))
        assert found.passage_max_length >= 1
        assert found.pooling in ("cls", "mean", "last_token")
    except ModelError as error:
        assert model in str(error) and "\n" not in str(error)
    try:
        identify_reranker(TeacherSettings(model=model))
    except ModelError as error:
        assert model in str(error) and "\n" not in str(error)
