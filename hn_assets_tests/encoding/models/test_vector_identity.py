"""The space of a vector names everything that it depends on beside its text."""

from pathlib import Path

from hn_assets.encoding.models.model import identify_model
from hn_assets.encoding.models.vector_identity import Kind, describe_space
from hn_assets.settings.encoding import EncodingSettings
from hn_assets_tests.small_models import make_tiny_bert


def test_a_space_is_everything_a_vector_depends_on(tmp_path: Path) -> None:
    def space(kind: Kind = "passage", precision: str = "float32", **options) -> dict:
        chosen = EncodingSettings(**options)
        return describe_space(identify_model(chosen), chosen, precision, kind)

    tiny = str(make_tiny_bert(tmp_path))
    plain = space()
    others = [
        space(precision="bfloat16"),
        space(normalize=False),
        space(stored_precision="float16"),
        space(pooling="cls"),
        space(passage_max_length=7),
        space(model=tiny, pooling="mean"),
        space("query", query_instruction="find: "),
        space("query", query_instruction="find: ", query_instruction_format="{}-{}"),
        space(passage_instruction="text: "),
        space(passage_instruction="text: ", passage_instruction_format="{}\n{}"),
    ]
    assert len({str(other) for other in [plain, *others]}) == len(others) + 1
    # the instruction and the length of queries are no matter of passages
    assert space(query_instruction="find: ") == plain == space(query_max_length=7)
    assert space("query") == plain, "read alike, so they may share vectors"
    make_tiny_bert(tmp_path, seed=1)
    assert space(model=tiny, pooling="mean") != others[5], "another checkpoint of the same name"
