"""Matches: what is counted, what a forfeit costs, and who is told what."""

import itertools

import numpy as np
import pytest

from arena import load_scenario
from arena.contract.controller import ControllerReport
from arena.contract.kpi import Kpis, measure
from arena.contract.messages import Briefing, LocalObservation
from arena.contract.seeds import PUBLIC_SEEDS, EpisodeSeed, PublicSeeds
from arena.contract.version import contract_digest
from arena.entry.submission import Manifest, Submission
from arena.errors import ContractViolation, ControllerKilled
from arena.jail.limits import Limits
from arena.play.match import MOST_PLAYINGS, play
from arena.play.seats import InfrastructureFailure, available, make_host
from arena.play.seats.base import numeric_array
from arena.results.attempts import Journal, Precedent
from arena.results.record import EpisodeRecord
from arena.results.timing import DecisionTimes
from arena.simulate.simulator import Simulator, realised_demand

SCENARIO = load_scenario("serial-stationary-backlog")
NETWORK = load_scenario("divergent-stationary-backlog")
SEED = PublicSeeds().episode(SCENARIO.digest, 0)
HIDDEN = EpisodeSeed(index=3, entropy=2**200 + 1, controller_seed=99, public=False)
KPIS = set(EpisodeRecord.model_fields) & set(Kpis.model_fields)


def submission(track="blind", folder=None, name="mine"):
    manifest = Manifest(name=name, controller="mine.py:Mine", track=track)
    return Submission(
        name=name,
        manifest=manifest,
        path=folder,
        digest="5" * 64,
        folder=folder,
        controller="mine.py:Mine",
        track=track,
        config={},
    )


class ScriptedHost:
    """A host whose controllers are functions; it remembers all that it was asked to do."""

    isolation = "trusted"

    def __init__(self, rule=lambda briefing, observation: np.full(len(briefing.order_bound), 20.0), **hooks):
        self.rule = rule
        self.hooks = hooks
        self.seats = []

    def open(self, submission, model=None):
        self.run("open")
        self.seats.append(ScriptedSeat(self))
        return self.seats[-1]

    def close(self):
        pass

    def run(self, name):
        if name in self.hooks:
            self.hooks[name]()


class ScriptedSeat:
    def __init__(self, host):
        self.host = host
        self.briefing = None
        self.observations = []
        self.calls = ["open"]

    @property
    def stderr_tail(self):
        return self.host.hooks.get("says", "")

    def setup(self):
        self.calls.append("setup")
        self.host.run("setup")

    def begin(self, briefing):
        self.calls.append("begin")
        self.briefing = briefing
        self.host.run("begin")

    def order(self, observation):
        self.observations.append(observation)
        return numeric_array(self.host.rule(self.briefing, observation))

    def close(self):
        self.calls.append("close")
        self.host.run("close")
        return self.host.hooks.get("report", lambda briefing: ControllerReport())(self.briefing)

    def release(self):
        self.calls.append("release")
        self.host.run("release")


def played(scenario=SCENARIO, rule=None, *, seed=SEED, track="blind", precedent=None, journal=None, **hooks):
    host = ScriptedHost(rule, **hooks) if rule else ScriptedHost(**hooks)
    episode = play(submission(track), scenario, seed, host, Limits(), precedent=precedent, journal=journal)
    return episode, host


def simulated(scenario, seed, orders):
    simulator = Simulator(scenario)
    simulator.start(seed.entropy)
    for requested in orders:
        simulator.step(requested)
    return simulator.ledger()


def breaking(code="exception", message="no", at=0):
    def rule(briefing, observation):
        if observation.period >= at:
            raise ContractViolation(code, message)
        return np.full(len(briefing.order_bound), 20.0)

    return rule


def raising(error):
    def hook():
        raise error

    return hook


def test_an_episode_is_the_simulators_and_the_record_is_its_kpis():
    episode, host = played()
    ledger = simulated(SCENARIO, SEED, [[20.0] * 3] * SCENARIO.horizon)
    expected = measure(ledger, SCENARIO).model_dump()
    record = episode.record
    assert {name: getattr(record, name) for name in KPIS} == expected
    assert set(expected) == KPIS
    assert episode.requested.tolist() == [[20.0] * 3] * SCENARIO.horizon
    assert episode.demand.tolist() == ledger.demand.tolist()
    assert record.outcome == "ok"
    assert (record.failure_period, record.failure_message) == (None, "")
    assert (record.decisions, record.clipped_orders) == (SCENARIO.horizon, 0)
    assert host.seats[0].calls == ["open", "setup", "begin", "close", "release"]


def test_the_record_says_what_was_played():
    record = played()[0].record
    assert (record.submission, record.controller, record.track) == ("mine", "mine.py:Mine", "blind")
    assert (record.scenario, record.published_id) == (SCENARIO.name, SCENARIO.published_id)
    assert (record.seed_index, record.seed, record.commitment) == (0, str(PUBLIC_SEEDS[0]), None)
    assert (record.submission_digest, record.scenario_digest) == ("5" * 64, SCENARIO.digest)
    assert record.contract_digest == contract_digest()
    assert record.isolation == "trusted"
    assert record.numpy_version == np.__version__
    assert record.finished_at.endswith("+00:00")


def test_a_hidden_seed_stays_hidden():
    host = ScriptedHost(breaking(message="no"))
    record = play(submission(), SCENARIO, HIDDEN, host, Limits(), commitment="c" * 64).record
    assert record.seed is None
    assert record.commitment == "c" * 64
    assert str(HIDDEN.entropy) not in record.model_dump_json()
    assert str(HIDDEN.entropy) not in repr(host.seats[0].briefing)


def test_a_controllers_seed_is_neither_the_demands_nor_another_submissions():
    told = {}
    for name in ("mine", "yours"):
        for seed in (SEED, HIDDEN):
            host = ScriptedHost()
            play(submission(name=name), SCENARIO, seed, host, Limits())
            told[name, seed.index] = host.seats[0].briefing.seed
    assert len(set(told.values())) == len(told)
    assert not set(told.values()) & {SEED.entropy, SEED.controller_seed, HIDDEN.controller_seed}
    assert all(0 <= one < 2**63 for one in told.values())


def test_a_controllers_seed_is_the_same_whenever_it_plays():
    seeds = [played()[1].seats[0].briefing.seed for _ in range(2)]
    assert seeds[0] == seeds[1]


def test_times_are_summed_over_the_calls_they_name():
    ticks = itertools.count(0.0, 1.0)
    record = play(submission(), SCENARIO, SEED, ScriptedHost(), Limits(), clock=lambda: next(ticks)).record
    assert record.planning_time == pytest.approx(1.0)
    assert record.decision_time == pytest.approx(SCENARIO.horizon)


def test_every_decision_is_counted_with_its_time():
    """The clock is read twice a call: after the briefing the first decision takes 8 s, and the others a second."""
    ticks = itertools.chain([0.0, 1.0, 2.0, 10.0], itertools.count(11.0, 1.0))
    record = play(submission(), SCENARIO, SEED, ScriptedHost(), Limits(), clock=lambda: next(ticks)).record
    later = [1.0] * (SCENARIO.horizon - 1)
    assert record.decision_times == DecisionTimes.measured([8.0], later, Limits())
    assert record.decision_time == pytest.approx(8.0 + sum(later))


def test_every_seat_of_a_decentralised_episode_has_decisions_of_its_own():
    host = ScriptedHost(lambda briefing, observation: np.full(len(briefing.order_bound), 1.0))
    times = play(submission("decentralised"), NETWORK, SEED, host, Limits()).record.decision_times
    assert times.number == len(NETWORK.network.managed) * NETWORK.horizon


def test_the_time_of_a_failed_decision_counts():
    ticks = itertools.count(0.0, 1.0)
    host = ScriptedHost(breaking("timeout", at=4))
    record = play(submission(), SCENARIO, SEED, host, Limits(), clock=lambda: next(ticks)).record
    assert record.decision_time == pytest.approx(5.0)
    assert record.decisions == 4
    assert record.decision_times.number == 5


def test_orders_out_of_bounds_are_clipped_and_counted():
    episode, _ = played(rule=lambda briefing, observation: [-5.0, 1e308, 20.0])
    bound = SCENARIO.order_bound
    assert episode.record.outcome == "ok"
    assert episode.record.clipped_orders == 2 * SCENARIO.horizon
    assert np.unique(episode.requested, axis=0).tolist() == [[0.0, bound, 20.0]]


@pytest.mark.parametrize(
    ("reply", "code"),
    [
        ([1.0, 2.0], "bad_shape"),
        (5.0, "bad_shape"),
        ([[1.0, 2.0, 3.0]], "bad_shape"),
        ([1.0, float("nan"), 3.0], "non_finite"),
        ([1.0, float("inf"), 3.0], "non_finite"),
        (None, "bad_dtype"),
    ],
)
def test_a_reply_that_cannot_be_played_forfeits(reply, code):
    record = played(rule=lambda briefing, observation: reply)[0].record
    assert (record.outcome, record.failure_period, record.decisions) == (code, 0, 0)
    assert record.failure_message


@pytest.mark.parametrize("reply", [[1, 2, 3], np.ones(3, dtype=np.float32), [-0.0, 5e-324, 0.0]])
def test_a_reply_of_real_numbers_can_be_played(reply):
    assert played(rule=lambda briefing, observation: reply)[0].record.outcome == "ok"


def test_after_a_failure_nothing_is_ordered():
    episode, host = played(rule=breaking("timeout", "too slow", at=7))
    expected = simulated(SCENARIO, SEED, [[20.0] * 3] * 7 + [[0.0] * 3] * (SCENARIO.horizon - 7))
    record = episode.record
    assert episode.requested.tolist() == expected.requested.tolist()
    assert (record.outcome, record.failure_message, record.failure_period) == ("timeout", "too slow", 7)
    assert record.decisions == 7
    assert host.seats[0].calls == ["open", "setup", "begin", "release"]
    kpis = measure(expected, SCENARIO).model_dump()
    assert {name: getattr(record, name) for name in KPIS - {"profit"}} == {
        name: value for name, value in kpis.items() if name != "profit"
    }


def test_a_forfeit_never_counts_more_than_zero():
    at = SCENARIO.horizon - 1
    episode, _ = played(rule=breaking(at=at))
    honest = simulated(SCENARIO, SEED, [[20.0] * 3] * at + [[0.0] * 3])
    assert measure(honest, SCENARIO).profit > 0
    assert episode.record.profit == 0.0


def test_a_forfeit_counts_its_loss():
    def rule(briefing, observation):
        if observation.period == 5:
            raise ContractViolation("exited", "gone")
        return briefing.order_bound

    record = played(rule=rule)[0].record
    costs = ("procurement_cost", "holding_cost", "operating_cost", "shortage_penalty", "fixed_ordering_cost")
    assert record.profit == pytest.approx(record.revenue - sum(getattr(record, cost) for cost in costs), abs=1e-6)
    assert record.profit < 0


@pytest.mark.parametrize("phase", ["setup", "begin"])
def test_a_failure_before_the_first_decision_forfeits(phase):
    episode, host = played(**{phase: raising(ContractViolation("memory", "full"))})
    assert (episode.record.outcome, episode.record.decisions) == ("memory", 0)
    assert episode.record.failure_period is None
    assert not episode.requested.any()
    assert host.seats[0].calls[-1] == "release"


def test_a_failure_at_close_forfeits_what_was_played():
    record = played(close=raising(ContractViolation("timeout", "close took too long")))[0].record
    assert (record.outcome, record.decisions, record.failure_period) == ("timeout", SCENARIO.horizon, None)
    assert record.profit == 0.0


def test_the_arenas_own_failure_is_no_forfeit():
    with pytest.raises(InfrastructureFailure, match="broken"):
        played(begin=raising(InfrastructureFailure("broken")))


def test_every_seat_is_released_whatever_happens():
    host = ScriptedHost(begin=raising(KeyboardInterrupt()))
    with pytest.raises(KeyboardInterrupt):
        play(submission(), SCENARIO, SEED, host, Limits())
    assert host.seats[0].calls[-1] == "release"


def test_trouble_in_cleaning_up_does_not_undo_a_forfeit():
    failure = InfrastructureFailure("does not die")
    assert played(rule=breaking(), release=raising(failure))[0].record.outcome == "exception"


@pytest.mark.parametrize("failure", [InfrastructureFailure("does not die"), OSError(5, "lost"), MemoryError()])
@pytest.mark.parametrize("hook", ["close", "release"])
def test_a_finished_episode_counts_whatever_goes_wrong_in_cleaning_up(hook, failure):
    calm, _ = played()
    episode, host = played(**{hook: raising(failure)})
    assert same_but_for_time(episode.record) == same_but_for_time(calm.record)
    assert len(host.seats) == 1


def test_what_seats_reported_before_the_arena_failed_counts():
    asked = []

    def close():
        asked.append(True)
        if len(asked) == 3:
            raise InfrastructureFailure("gone")

    report = {"report": lambda briefing: ControllerReport(1), "close": close}
    record = played(NETWORK, track="decentralised", **report)[0].record
    assert (record.outcome, record.fallbacks) == ("ok", 2)


def test_trouble_in_cleaning_up_an_unfinished_episode_is_the_arenas():
    hooks = {"begin": raising(KeyboardInterrupt()), "release": raising(InfrastructureFailure("does not die"))}
    with pytest.raises(InfrastructureFailure, match="does not die"):
        played(**hooks)


# --- reports ------------------------------------------------------------------------------------------------------


def test_a_report_stands_in_the_record():
    record = played(track="oracle", report=lambda briefing: ControllerReport(3, 1234.5))[0].record
    assert (record.outcome, record.fallbacks, record.profit_bound) == ("ok", 3, 1234.5)
    silent = played(track="oracle")[0].record
    assert (silent.fallbacks, silent.profit_bound) == (0, None)


@pytest.mark.parametrize("hook", ["close", "release"])
def test_a_forfeit_reports_nothing(hook):
    """Whether the failure comes in a decision or at the very end, the numbers of the report are dropped."""
    said = {"report": lambda briefing: ControllerReport(3, 1234.5), "track": "oracle"}
    if hook == "close":
        record = played(close=raising(ContractViolation("exception", "no")), **said)[0].record
    else:
        record = played(rule=breaking(at=7), **said)[0].record
    assert (record.outcome, record.fallbacks, record.profit_bound) == ("exception", 0, None)


def test_there_are_no_more_fallbacks_than_decisions():
    horizon = SCENARIO.horizon
    most = played(report=lambda briefing: ControllerReport(horizon))[0].record
    assert (most.outcome, most.fallbacks) == ("ok", horizon)
    record = played(report=lambda briefing: ControllerReport(horizon + 1))[0].record
    assert (record.outcome, record.fallbacks, record.failure_period) == ("out_of_bounds", 0, None)
    assert record.failure_message == (
        f"report(): {horizon + 1} fallbacks in {horizon} decisions; count each decision once"
    )


@pytest.mark.parametrize("track", ["blind", "informed", "decentralised"])
def test_only_the_oracle_may_claim_a_bound(track):
    record = played(track=track, report=lambda briefing: ControllerReport(0, 1e9))[0].record
    assert (record.outcome, record.profit_bound) == ("protocol_error", None)
    assert "only the oracle track knows enough to certify a bound; leave profit_bound None" in record.failure_message
    assert played(track=track, report=lambda briefing: ControllerReport(1))[0].record.outcome == "ok"
    assert played(track="oracle", report=lambda briefing: ControllerReport(0, 1e9))[0].record.outcome == "ok"


def test_decentralised_fallbacks_are_summed_over_seats():
    """Each seat may report as many as it decided, whatever the others report."""
    managed = NETWORK.network.managed
    record = played(NETWORK, track="decentralised", report=lambda briefing: ControllerReport(briefing.node))[0].record
    assert (record.outcome, record.fallbacks, record.profit_bound) == ("ok", sum(managed), None)
    horizon = NETWORK.horizon
    full = played(NETWORK, track="decentralised", report=lambda briefing: ControllerReport(horizon))[0].record
    assert (full.outcome, full.fallbacks) == ("ok", len(managed) * horizon)


# --- tracks -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("track", ["blind", "informed", "decentralised"])
def test_only_the_oracle_is_told_the_demand(track):
    _, host = played(track=track)
    for secret in ("realised_demand", "scenario", "stream"):
        assert not hasattr(host.seats[0].briefing, secret)


def test_the_oracle_is_told_the_demand_that_comes():
    episode, host = played(track="oracle")
    told = host.seats[0].briefing.realised_demand
    assert told.tolist() == episode.demand.tolist() == realised_demand(SCENARIO, SEED.entropy).tolist()


def test_under_goodwill_there_is_no_demand_to_tell():
    scenario = load_scenario("serial-trend-seasonal-goodwill-backlog")
    episode, host = played(scenario, track="oracle")
    assert host.seats[0].briefing.realised_demand is None
    assert episode.record.outcome == "ok"


@pytest.mark.parametrize("ending", ["", "-inverse-cdf"])
def test_the_oracle_can_replay_the_episode_under_goodwill(ending):
    scenario = load_scenario(f"serial-trend-seasonal-goodwill-backlog{ending}")
    episode, host = played(scenario, track="oracle")
    simulator = host.seats[0].briefing.simulator()
    for orders in episode.requested:
        simulator.step(orders)
    assert simulator.ledger().demand.tolist() == episode.demand.tolist()


def test_the_briefing_has_the_decision_limit_as_time_budget():
    host = ScriptedHost()
    play(submission(), SCENARIO, SEED, host, Limits(decision=0.25))
    assert isinstance(host.seats[0].briefing, Briefing)
    assert host.seats[0].briefing.time_budget == 0.25


def test_decentralised_every_managed_node_orders_on_its_own_links():
    episode, host = played(
        NETWORK,
        lambda briefing, observation: np.arange(len(briefing.order_bound)) + briefing.node,
        track="decentralised",
    )
    network = NETWORK.network
    assert [seat.briefing.node for seat in host.seats] == list(network.managed)
    assert all(isinstance(seat.observations[0], LocalObservation) for seat in host.seats)
    expected = np.zeros(len(network.supply_links))
    for node in network.managed:
        for place, link in enumerate(network.inbound(node)):
            expected[link] = place + node
    assert episode.requested.tolist() == [expected.tolist()] * NETWORK.horizon
    assert episode.record.decisions == NETWORK.horizon


def test_decentralised_nodes_have_seeds_of_their_own():
    _, host = played(NETWORK, track="decentralised")
    seeds = [seat.briefing.seed for seat in host.seats]
    assert len(set(seeds)) == len(seeds)
    _, again = played(NETWORK, track="decentralised")
    assert [seat.briefing.seed for seat in again.seats] == seeds


def test_decentralised_one_failure_forfeits_for_all():
    def rule(briefing, observation):
        if briefing.node == 4 and observation.period == 3:
            raise ContractViolation("exception", "node 4 is ill")
        return np.full(len(briefing.order_bound), 5.0)

    episode, host = played(NETWORK, rule, track="decentralised", says="ouch")
    assert (episode.record.outcome, episode.record.failure_period) == ("exception", 3)
    assert episode.requested[:3].tolist() == np.full((3, len(NETWORK.network.supply_links)), 5.0).tolist()
    assert not episode.requested[3:].any()
    assert all(seat.calls[-1] == "release" for seat in host.seats)
    assert episode.record.stderr_tail.splitlines()[:2] == ["[node 1]", "ouch"]


# --- real hosts ---------------------------------------------------------------------------------------------------


@pytest.mark.skipif("process" not in available(), reason="this system cannot fork")
@pytest.mark.parametrize("track", ["blind", "informed", "oracle", "decentralised"])
def test_a_process_plays_the_same_episode_as_a_trusted_controller(tmp_path, track):
    (tmp_path / "mine.py").write_text(
        "import numpy as np\n"
        "class Mine:\n"
        "    def begin(self, briefing):\n"
        "        self.network = briefing.network\n"
        "        self.random = np.random.default_rng(briefing.seed)\n"
        "        self.size = len(briefing.order_bound)\n"
        "    def order(self, observation):\n"
        "        shown = observation.vector.sum() + getattr(observation, 'forecast', np.zeros(1)).sum()\n"
        "        return shown / 7 + 30 * self.random.random(self.size) * len(self.network.supply_links)\n",
        encoding="utf-8",
    )
    episodes = []
    for isolation in ("trusted", "process"):
        host = make_host(isolation)
        try:
            episodes.append(play(submission(track, tmp_path), NETWORK, SEED, host, Limits()))
        finally:
            host.close()
    trusted, process = episodes
    assert trusted.record.outcome == process.record.outcome == "ok"
    assert trusted.requested.tobytes() == process.requested.tobytes()
    assert trusted.record.profit == process.record.profit
    assert (trusted.record.isolation, process.record.isolation) == ("trusted", "process")


def killed_at(*periods, order=lambda playing, period: 20.0):
    """Play with a controller that is killed in these periods, one a playing; the record and the host."""
    begun = []

    def rule(briefing, observation):
        now = len(begun) - 1
        if now < len(periods) and observation.period == periods[now]:
            raise ControllerKilled("exited", "was killed")
        return np.full(len(briefing.order_bound), order(now, observation.period))

    return played(rule=rule, begin=lambda: begun.append(True))


def same_but_for_time(record):
    return record.model_dump(exclude={"planning_time", "decision_time", "decision_times", "finished_at"})


@pytest.mark.parametrize("periods", [(0,), (7,), (29,), (7, 20), (20, 7), (7, 7)])
def test_a_controller_killed_from_outside_loses_nothing(periods):
    calm, _ = played()
    episode, host = killed_at(*periods)
    expected = {**same_but_for_time(calm.record), "repetitions": sum(period > 0 for period in periods)}
    assert same_but_for_time(episode.record) == expected
    assert np.array_equal(episode.requested, calm.requested)
    assert [seat.calls[-1] for seat in host.seats] == ["release"] * (len(periods) + 1)


def test_a_controller_killed_in_every_playing_forfeits():
    episode, host = killed_at(*[7] * MOST_PLAYINGS)
    assert len(host.seats) == MOST_PLAYINGS
    assert (episode.record.outcome, episode.record.failure_period) == ("exited", 7)
    assert episode.record.profit <= 0


@pytest.mark.parametrize("periods", [(7,), (7, 2), (2, 7)])
def test_a_kill_buys_no_second_choice(periods):
    """Orders other than before the kill, were they good or bad, do not count: the first ones do."""
    calm, _ = played()
    episode, host = killed_at(*periods, order=lambda playing, period: 20.0 + (playing == len(periods)) * (period == 6))
    record = episode.record
    assert (record.outcome, record.failure_period, record.decisions) == ("diverged", 7, 7)
    assert record.profit <= 0 < calm.record.profit
    assert episode.requested.tolist() == [[20.0] * 3] * 7 + [[0.0] * 3] * (SCENARIO.horizon - 7)
    assert "broke off in period 7, it ordered otherwise in period 6" in record.failure_message
    assert len(host.seats) == len(periods) + 1


def test_failing_early_in_a_repetition_does_not_shorten_the_forfeit():
    """A controller that knows what came could otherwise choose the period from which on zero orders are played."""

    def rule(briefing, observation):
        if observation.period == 2:
            raise ContractViolation("exception", "no more")
        return np.full(3, 20.0)

    episode, _ = played(rule=rule, precedent=Precedent(1, np.full((9, 3), 20.0)))
    record = episode.record
    assert (record.outcome, record.failure_period, record.decisions, record.repetitions) == ("exception", 9, 9, 1)
    assert episode.requested.tolist() == [[20.0] * 3] * 9 + [[0.0] * 3] * (SCENARIO.horizon - 9)


@pytest.mark.parametrize("length", [1, 29, 30])
def test_a_repetition_that_orders_the_same_counts_as_if_nothing_had_been(length):
    calm, _ = played()
    episode, _ = played(precedent=Precedent(2, np.full((length, 3), 20.0)))
    assert same_but_for_time(episode.record) == {**same_but_for_time(calm.record), "repetitions": 2}


@pytest.mark.parametrize("length", [1, 29, 30])
def test_a_repetition_that_orders_otherwise_forfeits(length):
    bound = np.full((length, 3), 20.0)
    bound[-1, 1] = np.nextafter(20.0, 21.0)
    episode, _ = played(precedent=Precedent(1, bound))
    assert (episode.record.outcome, episode.record.decisions) == ("diverged", length)
    assert episode.requested[:length].tolist() == bound.tolist()
    assert episode.record.profit <= 0


def test_the_arenas_failure_leaves_the_orders_in_the_journal():
    def rule(briefing, observation):
        if observation.period == 5:
            raise InfrastructureFailure("broken")
        return np.full(3, 20.0 + observation.period)

    journal = Journal()
    with pytest.raises(InfrastructureFailure, match="broken"):
        played(rule=rule, journal=journal)
    assert journal.precedent.attempts == 1
    assert journal.precedent.requested.tolist() == [[20.0 + period] * 3 for period in range(5)]


def test_a_kill_before_the_arenas_failure_binds_too():
    begun = []

    def rule(briefing, observation):
        if len(begun) == 1 and observation.period == 9:
            raise ControllerKilled("exited", "was killed")
        if len(begun) == 2 and observation.period == 4:
            raise InfrastructureFailure("broken")
        return np.full(3, 20.0)

    journal = Journal()
    with pytest.raises(InfrastructureFailure, match="broken"):
        played(rule=rule, begin=lambda: begun.append(True), journal=journal)
    assert (journal.precedent.attempts, len(journal.precedent.requested)) == (2, 9)


def test_what_is_ordered_after_the_kill_is_free():
    episode, _ = killed_at(7, order=lambda playing, period: 20.0 + (playing == 1) * (period == 7))
    assert episode.record.outcome == "ok"
    assert episode.requested[7].tolist() == [21.0] * 3


def test_a_failure_that_is_no_kill_is_not_played_again():
    episode, host = played(rule=breaking("exited"))
    assert (episode.record.outcome, len(host.seats)) == ("exited", 1)


def test_a_controller_killed_as_it_closes_is_played_again():
    episode, host = played(close=raising(ControllerKilled("exited", "was killed")))
    assert (episode.record.outcome, len(host.seats)) == ("exited", MOST_PLAYINGS)
    assert episode.record.decisions == SCENARIO.horizon
