"""Ask a judge about many pairs, as a run does that may be killed.

python -m hn_assets_tests.judging.judge_many URL FILE COUNT
"""

import sys
from pathlib import Path

from hn_assets.judging.endpoint import Endpoint
from hn_assets.judging.judge_pairs import JudgeReport, judge_pairs
from hn_assets.judging.kept_answers import KeptAnswers
from hn_assets.judging.prompt import DEFAULT_PROMPT, prompt_hash
from hn_assets.settings.judge import JudgeSettings


def judge_many(url: str, path: Path, count: int, **options: object) -> JudgeReport:
    """Judge so many pairs that differ."""
    values = {"base_url": url, "model": "m", "max_calls": 1_000, "timeout_seconds": 20, **options}
    settings = JudgeSettings.model_validate(values)
    texts = [
        {"query": f"query {n}", "passage": f"passage {n}", "positive": ""} for n in range(count)
    ]
    endpoint = Endpoint(settings, prompt_hash(DEFAULT_PROMPT))
    try:
        with KeptAnswers(path) as kept:
            return judge_pairs(texts, DEFAULT_PROMPT, settings, kept, endpoint.ask)
    finally:
        endpoint.close()


if __name__ == "__main__":
    report = judge_many(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]))
    print(report.calls, report.kept, report.left)
