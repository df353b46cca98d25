"""Declarations, manifests, prompts and the example."""

import hashlib
import json
import subprocess
import sys
from importlib.resources import files
from pathlib import Path

import pytest
import yaml
from pydantic_faults import refused

from arena import (
    InvalidInput,
    LlmAccess,
    LlmLimits,
    PublicSeeds,
    Simulator,
    Suite,
    TrackView,
    discover,
    evaluate,
    load_scenario,
    load_submissions,
)
from arena.testing import check_controller
from arena_llm import arena_controllers, arena_llm_clients
from arena_llm.config import AdaptiveConfig, TunedBaseStockConfig
from arena_llm.parameters import answer_schema, default_parameters, read_answer
from arena_llm.prompt import Past, open_question, repair_question, revise_question
from arena_llm.responder import RESPONDER, answer_question

PACKAGE = Path(__file__).parents[1]
EXAMPLES = PACKAGE / "examples"
ENDPOINT = {"base_url": "http://127.0.0.1:1/v1", "model": "m"}


def test_three_controllers_and_a_client():
    specs = {spec.name: spec for spec in arena_controllers()}
    assert list(specs) == ["llm-tuner", "llm-adaptive", "tuned-base-stock"]
    assert all(spec.tracks == ("blind", "informed") for spec in specs.values())
    assert [spec.capabilities for spec in specs.values()] == [("llm",), ("llm",), ()]
    assert [spec.name for spec in arena_llm_clients()] == ["openai"]


def test_a_listing_imports_no_openai():
    code = "import sys, arena_llm; list(arena_llm.arena_controllers()); print('openai' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"


@pytest.mark.parametrize("name", ["llm-tuner", "llm-adaptive"])
def test_a_tuner_conforms_without_anybody_to_answer_and_says_so(name):
    result = check_controller(name, {"endpoint": ENDPOINT}, networks=("serial", "tree"))
    assert {warning.check for warning in result.warnings} == {"fallbacks"}
    assert "were answered by the controller's fallback" in result.warnings[0].message


@pytest.mark.parametrize(
    ("change", "place", "fault"),
    [
        ({"revise_every": 0}, "revise_every", "greater_than_equal"),
        ({"prompt": 3}, "prompt", "literal_error"),
        ({"orders": 20}, "orders", "extra_forbidden"),
        ({"endpoint": {"model": "m"}}, "endpoint.base_url", "missing"),
    ],
)
def test_settings_out_of_their_range_are_refused(change, place, fault):
    with refused((place, fault)):
        AdaptiveConfig(**{"endpoint": ENDPOINT, **change})
    with refused(("endpoint", "extra_forbidden")):
        TunedBaseStockConfig(endpoint=ENDPOINT)


def manifest(tmp_path, **changes):
    content = {"name": "a", "controller": "llm-tuner", "track": "blind", "config": {"endpoint": ENDPOINT}}
    path = tmp_path / "a.yaml"
    path.write_text(yaml.safe_dump(content | changes), encoding="utf-8")
    return load_submissions([path])


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({}, r'controller "llm-tuner" needs "llm".*write capabilities: \[llm\]'),
        ({"capabilities": ["llm"], "config": {}}, "config.endpoint: "),
        ({"capabilities": ["llm"], "config": {"endpoint": {**ENDPOINT, "key": "sk-1"}}}, "config.endpoint.key: "),
        (
            {"capabilities": ["llm"], "config": {"endpoint": {**ENDPOINT, "timeout": 0.001}}},
            r"config.endpoint.timeout: is a limit of the run.*got 0\.001; remove it",
        ),
        (
            {"controller": "tuned-base-stock", "config": {}, "fitted_rule": "b"},
            "only a submission with the capability llm",
        ),
        ({"controller": "tuned-base-stock", "config": {}, "capabilities": ["llm"]}, "names its language model here"),
    ],
)
def test_a_manifest_that_lacks_something_is_told_what(tmp_path, changes, complaint):
    with pytest.raises(InvalidInput, match=complaint):
        manifest(tmp_path, **changes).require()
    assert manifest(tmp_path, capabilities=["llm"]).require()[0].endpoint.model == "m"


def test_the_shipped_submissions_load():
    loaded = load_submissions([PACKAGE.parents[1] / "submissions"])
    assert loaded.faults == ()
    mine = {one.name: one for one in loaded.submissions if one.distribution == "arena-llm"}
    assert list(mine) == ["llm-adaptive", "llm-tuner", "tuned-base-stock-blind", "tuned-base-stock-informed"]
    for name in ("llm-adaptive", "llm-tuner"):
        assert mine[name].manifest.fitted_rule == "tuned-base-stock-blind"
        assert mine[name].endpoint.key_variable == "OPENAI_API_KEY"
    # By default an organiser allows what the shipped submissions may ask: an answer and its repair at every revision.
    rounds = 2 * -(-30 // mine["llm-adaptive"].config["revise_every"])
    assert LlmLimits().episode_calls >= rounds


def brief(scenario, track="blind"):
    return TrackView(load_scenario(scenario), track).brief(seed=99, time_budget=1.0)


def test_a_question_tells_what_the_track_allows():
    text = "\n".join(message.content for message in open_question(brief("divergent-trend-seasonal-goodwill-backlog")))
    for told in (
        "30 periods; unfilled customers wait (backlog); order bound 3100.",
        "retailer 1: on hand 100, holding 0.03",
        "factory 4: on hand 400, holding 0.012, capacity 90, operating 0.01, yield 1",
        "supply 4->2: lead time 8, price 1, pipeline holding 0.008",
        "market 1->0: price 2, shortage penalty 0.1",
        "safety_z [0, 3] (1)",
    ):
        assert told in text
    assert "Goodwill" not in text
    informed = open_question(brief("divergent-trend-seasonal-goodwill-backlog", "informed"))[1].content
    assert "Goodwill: demand is multiplied by 1.01" in informed
    assert len(text) < 3_000


def test_questions_of_alike_episodes_are_alike():
    """The same briefing but for what a controller must not know: other demand, another seed, another time budget."""
    one = open_question(brief("serial-trend-seasonal-backlog"))
    scenario = load_scenario("serial-m5-backlog")
    assert one == open_question(TrackView(scenario, "blind").brief(seed=1, time_budget=9.0))


def test_a_revision_tells_the_past_and_nothing_of_the_future():
    view = TrackView(load_scenario("serial-stationary-backlog"), "blind")
    simulator = Simulator(view.scenario)
    simulator.start(42)
    for _ in range(2):
        simulator.step([20.0, 20.0, 20.0])
    briefing, observation = view.brief(seed=0, time_budget=1.0), view.observe(simulator.state)
    past = [Past((17.0,), (0.0,)), Past((23.0,), (4.5,))]
    text = revise_question(briefing, observation, past, default_parameters())[-1].content
    assert "Period 2 of 30 begins" in text
    assert "market 0, last 2 periods: demand 17 23; unfilled 0 4.5" in text
    assert "in transit: 2->1: 40, 3->2: 40, 4->3: 0" in text
    assert "forecast" not in text


def test_a_repair_quotes_the_answer_and_the_complaint():
    question = open_question(brief("serial-stationary-backlog"))
    repaired = repair_question(question, "x" * 9_999, "safety_z: too large")
    assert repaired[:-2] == question
    assert (repaired[-2].role, len(repaired[-2].content)) == ("assistant", 2_000)
    assert "safety_z: too large" in repaired[-1].content
    assert repair_question(question, "", "empty")[-2].content == "(no answer)"


@pytest.mark.parametrize("scenario", ["serial-stationary-backlog", "divergent-stationary-lost-sales"])
def test_the_responder_answers_within_bounds_and_always_alike(scenario):
    text = "\n".join(message.content for message in open_question(brief(scenario)))
    answers = [answer_question(text + f"\nPeriod {period} of 30 begins") for period in (0, 10, 29)]
    for answer in answers:
        assert read_answer(json.dumps(answer))
        assert set(answer) == set(answer_schema()["properties"])
    assert answers[0] == answer_question(text + "\nPeriod 0 of 30 begins")
    assert answers[0]["factory_multiplier"] > answers[2]["factory_multiplier"]


def read_lines(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_the_example_is_of_the_responder_and_says_so_everywhere(tmp_path):
    entries = read_lines(EXAMPLES / "rule-based-transcripts.jsonl")
    assert {entry["model"] for entry in entries} == {RESPONDER}
    assert {entry["sampling"]["model"] for entry in entries} == {RESPONDER}
    submissions = load_submissions([EXAMPLES / "rule-based-tuner.yaml"]).require()
    assert "rule-based responder" in submissions[0].manifest.description
    scenario = load_scenario("serial-stationary-backlog")
    played = evaluate(
        submissions,
        Suite(name="one", description="", scenarios=(scenario,)),
        PublicSeeds(),
        output=tmp_path / "r",
        isolation="trusted",
        workers=0,
        models=LlmAccess("replay", transcript=EXAMPLES / "rule-based-transcripts.jsonl"),
    )
    assert {(record.outcome, record.llm_model, record.fallbacks) for record in played.records} == {("ok", RESPONDER, 0)}
    replayed = read_lines(tmp_path / "r" / "transcripts.jsonl")
    assert len(replayed) == 10
    for entry in replayed:
        asked = "\n".join(message["content"] for message in entry["messages"])
        assert json.loads(entry["reply"]) == answer_question(asked)


def test_the_card_of_the_fitted_rule_follows_from_the_table_that_plays():
    spec = discover().controller("tuned-base-stock").spec
    for track in ("blind", "informed"):
        (card,) = spec.cards(spec.config(), track)
        content = (files("arena_llm.fitted") / f"{track}.json").read_bytes()
        assert card.digest == hashlib.sha256(content).hexdigest()
        table = json.loads(content)
        assert card.seed == table["settings"]["seed"]
        assert card.weights == 6 * sum(len(entry["stages"]) for entry in table["entries"])
        (score,) = [
            entry["objective"]
            for entry in table["entries"]
            if (entry["network"], entry["fulfilment"]) == ("any", "backlog")
        ]
        assert card.score == pytest.approx(score, abs=5e-5)
        assert list(spec.cards(spec.config(parameters="defaults"), track)) == []
