"""Version 2 of the prompt: parts of worlds and histories in words; version 1 where there are none."""

import hashlib
import json

import numpy as np
import pytest
from hypothesis import given, settings
from later_strategies import later_scenarios
from pydantic import ValidationError

from arena import LlmAnswer, Network, Scenario, Simulator, TrackView, load_network, load_scenario, load_suite, parts_of
from arena_llm.config import AdaptiveConfig, TunerConfig
from arena_llm.parameters import DEFAULT_VALUES, NAMES, default_parameters
from arena_llm.prompt import describe_briefing, open_question, past_of, revise_question
from arena_llm.prompt_parts import tells_parts
from arena_llm.tuner import Tuner

ENDPOINT = {"base_url": "http://127.0.0.1:1/v1", "model": "m"}
VERSION_1 = "e79d552615782498"
SEEN_ON_THE_INFORMED_TRACK_ALONE = {"market_demand", "distributions", "autoregression", "correlation"}


def brief(scenario: Scenario, track: str = "informed", history: np.ndarray | None = None):
    before = np.zeros((scenario.history, len(scenario.network.market_links))) if history is None else history
    return TrackView(scenario, track).brief(seed=0, time_budget=1.0, history=before)


def text_of(briefing, version: int = 2) -> str:
    return "\n".join(message.content for message in open_question(briefing, version))


def serial(changes: dict | None = None, **settings) -> Scenario:
    """The serial network with changed fields: `nodes`, `supply_links` and `market_links` by position."""
    fields = load_network("serial").model_dump(by_alias=True)
    for kind, by_position in (changes or {}).items():
        rows = enumerate(fields[kind])
        fields[kind] = [row | by_position.get(position, {}) for position, row in rows]
    return Scenario(name="test", network=Network.model_validate(fields), **settings)


def test_worlds_without_parts_are_asked_what_version_1_asked() -> None:
    """The digest was taken of version 1 before there was another one, over the suite core on both tracks."""
    asked = [
        [(message.role, message.content) for message in open_question(brief(scenario, track), version)]
        for scenario in load_suite("core").scenarios
        for track in ("blind", "informed")
        for version in (1, 2)
    ]
    assert asked[::2] == asked[1::2]
    assert hashlib.sha256(json.dumps(asked[::2]).encode()).hexdigest()[:16] == VERSION_1


LAW = {"values": [1, 7, "lost"], "probabilities": [0.5, 0.4, 0.1], "may_cross": True}
TOLD = [
    ({"nodes": {1: {"terminal_value": 0.5}}}, {}, "holding 0.03, terminal value 0.5"),
    ({"nodes": {2: {"priority": "links"}}}, {}, "ships after the deliveries of the period, buyers first"),
    ({"nodes": {4: {"capacity": 70}}}, {}, "raw material 4: capacity 70"),
    ({"supply_links": {0: {"order_delay": 2}}}, {}, "seen by the supplier 2 periods after the order"),
    ({"supply_links": {0: {"order_delay": 1, "initial_orders": [6.0]}}}, {}, "ordered before the start 6"),
    ({"supply_links": {0: {"initial_pipeline": [3.0, 4.5]}}}, {}, "on the way at the start 3 4.5"),
    (
        {"supply_links": {0: {"lead_time_distribution": LAW}}},
        {},
        "in fact 1 (50%), 7 (40%), lost (10%), orders may overtake each other",
    ),
    (
        {"supply_links": {0: {"shortage_penalty": 0.7}}},
        {"upstream_shortage": "owed"},
        "the supplier pays 0.7 per unit owed and period",
    ),
    ({"market_links": {0: {"waiting_share": 0.25}}}, {}, "25% of unfilled customers wait"),
    ({"market_links": {0: {"fulfilment": "lost_sales"}}}, {}, "penalty 0.1, unfilled sales are lost"),
    ({"market_links": {0: {"initial_backlog": 9}}}, {}, "waiting at the start 9"),
    ({}, {"warm_up": 4}, "The first 4 periods are played and do not count."),
    ({}, {"fulfilment": "lost_sales", "visible_demand": "sales"}, "You see sales."),
    (
        {"supply_links": {0: {"lead_time_distribution": LAW}}},
        {"visible_arrivals": "total"},
        "Arrivals do not show which order came.",
    ),
    ({}, {"demand": {"distribution": "negative_binomial", "dispersion": 1.0}}, "demand is negative binomial"),
    (
        {},
        {"demand": {"autoregression": 0.6, "sampling": "inverse_cdf"}},
        "deviations of successive periods have the correlation 0.6",
    ),
]


@pytest.mark.parametrize(("changes", "written", "told"), TOLD)
def test_every_part_is_told_in_words(changes, written, told) -> None:
    scenario = serial(changes, **written)
    assert parts_of(scenario)
    assert told in text_of(brief(scenario))
    assert told not in text_of(brief(serial()))
    with pytest.raises(ValueError, match="prompt: 1 does not tell of the parts"):
        open_question(brief(scenario), version=1)


def test_what_stock_is_worth_at_the_end() -> None:
    plain, worth = (text_of(brief(serial(one))) for one in ({}, {"nodes": {1: {"terminal_value": -1}}}))
    assert "Stock that is left at the end is worth nothing." in plain
    assert "is worth its terminal value; other stock nothing." in worth
    assert "worth nothing." not in worth


@settings(max_examples=40)
@given(later_scenarios())
def test_no_part_goes_untold_that_the_track_shows(scenario) -> None:
    parts = set(parts_of(scenario))
    assert tells_parts(brief(scenario, "blind")) == bool(parts - SEEN_ON_THE_INFORMED_TRACK_ALONE)
    # Market links with demand of their own may still be alike in all that is told.
    if parts - {"market_demand"}:
        assert tells_parts(brief(scenario, "informed"))


def test_how_short_stock_is_shared_is_told() -> None:
    fields = load_network("divergent").model_dump(by_alias=True)
    suppliers = [link["supplier"] for link in fields["supply_links"]]
    busiest = max(load_network("divergent").managed, key=suppliers.count)
    changed = {"allocation": "proportional"}
    fields["nodes"] = [one | (changed if one["id"] == busiest else {}) for one in fields["nodes"]]
    text = text_of(brief(Scenario(name="test", network=Network.model_validate(fields))))
    assert text.count("shares short stock in proportion to the orders") == 1


def test_correlations_are_told() -> None:
    two = {"network": load_network("w"), "name": "test", "demand": {"sampling": "inverse_cdf"}}
    briefing = brief(Scenario(**two, correlation={"common": 0.3}))
    assert "Deviations of all markets in a period have the correlation 0.3." in text_of(briefing)


def test_a_history_is_told_and_was_not_in_version_1() -> None:
    scenario = serial(history=4)
    briefing = brief(scenario, "blind", np.array([[18.0], [22.0], [18.0], [22.0]]))
    told = "market 0, 4 periods before the first: mean 20, deviation 2.309"
    assert told in text_of(briefing)
    assert told not in text_of(briefing, 1)
    assert not tells_parts(briefing)


def test_a_revision_tells_sales_and_empty_shelves_and_unseen_orders() -> None:
    scenario = serial(
        {"supply_links": {0: {"order_delay": 2}}, "nodes": {1: {"initial_stock": 30}}},
        fulfilment="lost_sales",
        visible_demand="sales",
    )
    view, simulator = TrackView(scenario, "blind"), Simulator(scenario)
    simulator.start(42)
    past = []
    for _ in range(2):
        simulator.step([11.0, 20.0, 20.0])
        past.append(past_of(view.observe(simulator.state)))
    text = revise_question(brief(scenario, "blind"), view.observe(simulator.state), past, default_parameters())[-1]
    assert "shelf empty at the end no yes" in text.content
    assert "; unfilled 0" not in text.content
    assert "not seen by the supplier yet: 2->1: 22, 3->2: 0, 4->3: 0" in text.content


class Listener:
    """A language model that answers the defaults and keeps what it was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def ask(self, messages, schema):
        self.asked.append("\n".join(message.content for message in messages))
        return LlmAnswer(json.dumps(dict(zip(NAMES, DEFAULT_VALUES, strict=True))), model="m")


@settings(max_examples=15)
@given(later_scenarios())
def test_tuners_play_any_world_and_ask_of_its_parts(scenario) -> None:
    view, simulator, model = TrackView(scenario, "blind"), Simulator(scenario), Listener()
    tuner = Tuner(AdaptiveConfig(endpoint=ENDPOINT, revise_every=2))
    tuner.use_language_model(model)
    briefing = brief(scenario, "blind")
    tuner.begin(briefing)
    simulator.start(1)
    while not simulator.finished:
        orders = tuner.order(view.observe(simulator.state))
        assert np.isfinite(orders).all()
        assert (orders >= 0).all()
        simulator.step(np.clip(orders, 0.0, view.largest_order))
    assert all(describe_briefing(briefing) in one for one in model.asked)
    assert tuner.report().fallbacks == 0


def test_a_manifest_may_ask_for_version_1_and_plays_no_parts_by_it() -> None:
    tuner = Tuner(TunerConfig(endpoint=ENDPOINT, prompt=1))
    tuner.use_language_model(Listener())
    tuner.begin(brief(load_scenario("serial-m5-backlog"), "blind"))
    with pytest.raises(ValueError, match="write prompt: 2, or leave it out"):
        tuner.begin(brief(serial(warm_up=1), "blind"))
    with pytest.raises(ValidationError, match="prompt"):
        TunerConfig(endpoint=ENDPOINT, prompt=0)
