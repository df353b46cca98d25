"""Language models of a round: committed to, kept to, and edits of the transcript held against it."""

import json

import pytest
import yaml
from model_endpoint import QUICK

from arena import InvalidInput, Suite, load_scenario
from arena.audit.models import NOT_STATED
from arena.audit.verify import verify
from arena.contract.language_model import LlmQuestion
from arena.contract.seeds import Secret, hidden_seeds, reveal_secret
from arena.contract.version import contract_digest
from arena.entry.loading import load_submissions
from arena.llm.access import make_access
from arena.llm.transcript import digest_text, read_transcript
from arena.play.evaluate import evaluate
from arena.play.rounds import make_round
from arena.plugins import discover
from arena.results.folder import TRANSCRIPT_NAME
from arena.results.rounds import Round

SECRET = Secret(master="5ec2e7" + "0" * 58, salt="5a17" + "0" * 60)
SUITE = Suite(name="one", description="", scenarios=(load_scenario("serial-stationary-backlog"),))
LIMITS = QUICK.model_copy(update={"calls": 50, "tokens": 5000})


def seeds():
    return hidden_seeds(SECRET, 2, contract_digest())


@pytest.fixture
def asker(tmp_path, endpoint):
    content = {
        "name": "tuned-here",
        "controller": "llm-tuner",
        "track": "blind",
        "capabilities": ["llm"],
        "config": {"endpoint": endpoint.describe().model_dump(mode="json")},
    }
    (tmp_path / "tuned.yaml").write_text(yaml.safe_dump(content))
    return load_submissions([tmp_path / "tuned.yaml"], discover()).require()


def make(asker, limits=LIMITS):
    return make_round(asker, SUITE, seeds(), isolation="trusted", model_limits=limits)


def play(asker, endpoint, folder, contest_round, limits=LIMITS):
    models = make_access("live", [endpoint.url], None, limits)
    options = {"output": folder, "isolation": "trusted", "workers": 0, "models": models}
    return evaluate(asker, SUITE, seeds(), contest_round=contest_round, **options)


def check(folder, contest_round):
    found = verify(folder, reveal=reveal_secret(SECRET), contest_round=contest_round)
    return [(one.submission, one.column) for one in found.differences], found.notices


def rewrite(folder, change):
    """Change every line of the transcript, and compute its digests anew, as the arena would."""
    path = folder / TRANSCRIPT_NAME
    lines = []
    for entry in read_transcript(path).values():
        line = {**entry.model_dump(mode="json")}
        change(line)
        changed = type(entry).model_validate_json(json.dumps(line))
        question = LlmQuestion(changed.messages, changed.answer_schema)
        line["digest"] = question.digest_sampled(changed.sampling)
        line["reply_digest"] = digest_text(line["reply"]) if line["outcome"] == "ok" else ""
        lines.append(json.dumps(line))
    path.write_text("".join(f"{line}\n" for line in lines))


@pytest.fixture
def played(asker, endpoint, tmp_path):
    contest_round = make(asker)
    play(asker, endpoint, tmp_path / "results", contest_round)
    return tmp_path / "results", contest_round


def test_a_round_commits_to_models_and_limits(asker, endpoint, tmp_path):
    models = make(asker).terms.language_models
    assert models.limits == LIMITS
    [one] = models.endpoints
    assert (one.submission, one.base_url, one.client) == ("tuned-here", endpoint.url, "openai")
    for limits, column, value in (
        (LIMITS.model_copy(update={"calls": 51}), "calls", 51),
        (LIMITS.model_copy(update={"episode_tokens": 60_000}), "episode_tokens", 60_000),
        (None, "calls", None),
    ):
        with pytest.raises(InvalidInput, match=rf"language_models.limits.{column}: the round commits to .*{value}"):
            play(asker, endpoint, tmp_path / "other", make(asker), limits)
    assert not (tmp_path / "other").exists()


def test_another_model_than_committed_is_refused(asker, endpoint, tmp_path):
    terms = make(asker).terms
    [one] = terms.language_models.endpoints
    other = terms.language_models.model_copy(
        update={"endpoints": (one.model_copy(update={"model": "large", "base_url": "http://other/v1"}),)}
    )
    contest_round = Round.of(terms.model_copy(update={"language_models": other}))
    with pytest.raises(
        InvalidInput, match=r"(?s)language_models.base_url tuned-here.*language_models.model tuned-here"
    ):
        play(asker, endpoint, tmp_path / "other", contest_round)


def test_what_was_played_agrees(played):
    folder, contest_round = played
    assert check(folder, contest_round) == ([], ())


def set_to(**fields):
    def change(line):
        for name, value in fields.items():
            line[name] = {**line[name], **value} if isinstance(value, dict) else value

    return change


@pytest.mark.parametrize(
    ("change", "column"),
    [
        (set_to(limits={"calls": 500}), "language_models.limits.calls"),
        (set_to(limits={"tokens": None}), "language_models.limits.tokens"),
        (set_to(limits={"episode_calls": 40}), "language_models.limits.episode_calls"),
        (set_to(sampling={"model": "another"}), "language_models.model"),
        (set_to(base_url="http://elsewhere/v1"), "language_models.base_url"),
        (set_to(reply='{"other": 1}'), "llm_digest"),
        (set_to(answer_schema='{"type": "string"}'), "llm_digest"),
        (set_to(model="large-9"), "llm_model"),
        (set_to(completion_tokens=1), "completion_tokens"),
        (set_to(submission="nobody"), "llm_calls"),
    ],
)
def test_an_edited_transcript_is_named_though_its_digests_are_computed_anew(played, change, column):
    folder, contest_round = played
    rewrite(folder, change)
    found, _ = check(folder, contest_round)
    assert column in [name for _, name in found]


@pytest.mark.parametrize(
    ("limits", "column"),
    [
        ({"calls": 1}, "language_models.limits.calls"),
        ({"episode_tokens": 1, "episode_calls": 20}, ""),
    ],
)
def test_what_was_used_tells_though_the_stated_limits_are_edited(played, limits, column):
    """The editor lowers the limits in the lines to those of the round: more was asked than they allow."""
    folder, contest_round = played
    terms = contest_round.terms
    models = terms.language_models
    lower = models.model_copy(update={"limits": models.limits.model_copy(update=limits)})
    rewrite(folder, set_to(limits=limits))
    found, _ = check(folder, Round.of(terms.model_copy(update={"language_models": lower})))
    assert [name for _, name in found] == ["round_digest", *([column] if column else [])]


def test_a_round_of_before_says_that_it_does_not_state_them(asker, endpoint, tmp_path):
    content = json.loads(make(asker).text)
    del content["language_models"]
    old = Round.parse(json.dumps(content), "round.json")
    assert old.terms.language_models is None
    play(asker, endpoint, tmp_path / "results", old, QUICK)
    assert check(tmp_path / "results", old) == ([], (NOT_STATED,))
