"""An episode of any scenario is recomputed from its orders, and any change of a number in its record is found."""

import math

import numpy as np
from hypothesis import given, strategies as st
from later_strategies import later_scenarios
from records import make_record
from strategies import Episode, episodes, play, scenarios

from arena import measure
from arena.audit.differences import TOLERANCE
from arena.audit.recompute import recompute
from arena.contract.kpi import Kpis
from arena.contract.seeds import EpisodeSeed
from arena.results.stored import Series
from arena.simulate.simulator import Simulator


class OneSeed:
    """A plan of a single seed."""

    label, commitment, count, draw_key = "one", "c" * 64, 1, None

    def __init__(self, entropy):
        self.entropy = entropy

    def episode(self, scenario_digest, index):
        return EpisodeSeed(index=index, entropy=self.entropy, controller_seed=0, public=False)


def within_bounds(episode):
    """The episode with orders as they would have been played."""
    orders = np.clip(episode.orders, 0, episode.scenario.order_bound) + 0.0
    return Episode(episode.scenario, episode.seed, orders)


def recorded(episode, **changes):
    """The row and the series of an episode that was played to its end."""
    ledger = play(episode)
    facts = {"decisions": episode.scenario.horizon, "seed": None, "commitment": "c" * 64}
    kpis = measure(ledger, episode.scenario).model_dump()
    return make_record(**{**kpis, **facts, **changes}), Series(
        ledger.requested, np.concatenate([ledger.demand, ledger.lead_times], axis=1)
    )


whole_episodes = episodes(st.one_of(scenarios(), later_scenarios())).map(within_bounds)


@given(whole_episodes, st.booleans())
def test_an_honest_episode_agrees_with_and_without_its_seed(episode, known):
    record, series = recorded(episode)
    seeds = OneSeed(episode.seed) if known else None
    done = recompute(record, series, Simulator(episode.scenario), seeds)
    assert done.mismatch is None
    assert done.record == record


@given(whole_episodes, st.sampled_from(list(Kpis.model_fields)), st.floats(-1e6, 1e6) | st.just(math.nan))
def test_any_other_indicator_is_found_and_put_right(episode, name, value):
    honest, series = recorded(episode)
    right = getattr(honest, name)
    money = abs(honest.revenue) * 10 + abs(honest.profit)
    if not math.isnan(value) and abs(value - right) <= 10 * TOLERANCE * max(1.0, abs(value), abs(right), money):
        return
    record = honest.model_copy(update={name: value})
    done = recompute(record, series, Simulator(episode.scenario), OneSeed(episode.seed))
    assert done.mismatch is not None
    assert done.mismatch.column == name
    assert done.record == honest


@given(whole_episodes, st.data())
def test_a_forfeit_counts_what_its_orders_gave_and_no_profit(episode, data):
    last = data.draw(st.integers(0, episode.scenario.horizon))
    orders = episode.orders.copy()
    orders[last:] = 0
    forfeit = Episode(episode.scenario, episode.seed, orders)
    made = measure(play(forfeit), episode.scenario).profit
    # The decision after the last one failed; with none left, the clean-up did.
    failed = last if last < episode.scenario.horizon else None
    record, series = recorded(forfeit, outcome="timeout", decisions=last, failure_period=failed, profit=min(made, 0.0))
    simulator, seeds = Simulator(episode.scenario), OneSeed(episode.seed)
    assert recompute(record, series, simulator, seeds).mismatch is None
    if made > 1e-3:
        greedy = recompute(record.model_copy(update={"profit": made}), series, simulator, seeds)
        assert greedy.mismatch == ("profit", made, 0.0)
    if last < episode.scenario.horizon:
        late = series[0].copy()
        late[-1, 0] = min(1.0, episode.scenario.order_bound)
        if late[-1, 0] > TOLERANCE:
            found = recompute(record, series._replace(requested=late), simulator, seeds).mismatch
            assert found == (f"requested[{episode.scenario.horizon - 1}][0]", late[-1, 0], 0.0)
