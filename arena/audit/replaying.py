"""One episode of a folder of results, played again from its logged orders so that it can be shown.

No controller takes part. An episode is shown only if everything in its row that follows from its orders agrees with
what they give; otherwise the first value that differs is an error.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from arena.audit.recompute import recompute, simulator_of, window_mismatch
from arena.audit.worlds import seeds_contract
from arena.contract.seeds import MOST_SEEDS, HiddenSeeds, PublicSeeds, Reveal, hidden_seeds
from arena.contract.version import contract_digest, earlier_digests
from arena.errors import ABSENT, Fault, InvalidInput, printable, unknown_name
from arena.results.folder import EPISODES_NAME, STORE_NAME
from arena.results.reading import read_standings, refuse_stale
from arena.results.record import EpisodeRecord, episode_key, key_of
from arena.results.rows import Standings
from arena.results.store import Store, refuse_other_age
from arena.simulate.ledger import Ledger
from arena.simulate.simulator import Simulator
from arena.world.scenario import Scenario
from arena.world.suite import shipped_scenarios

_SHOWN: Final = 12
_COLUMNS: Final = ("submission", "scenario", "seed_index", "submission_digest", "scenario_digest")


@dataclass(frozen=True)
class ReplayedEpisode:
    """An episode that was played again and agrees with its row.

    Attributes:
        record: as stored.
        scenario: that was played; of a scenario with windows, the window of the episode.
        ledger: everything that happened.
    """

    record: EpisodeRecord
    scenario: Scenario
    ledger: Ledger

    @property
    def played_profit(self) -> float:
        """Money that the orders made. The counted profit of a forfeit is lower: at most zero."""
        return float(self.ledger.reward.sum())

    def pipeline(self) -> NDArray[np.float64]:
        """Return the units under way at the end of each period, by link and age.

        Returns:
            Units, shape (periods, slots of all supply links); see `arena.world.network.Network.pipeline_offsets`.
        """
        simulator = Simulator(self.scenario)
        simulator.replay(self.ledger.demand, self.ledger.lead_times)
        rows = []
        for orders in self.ledger.requested:
            simulator.step(orders)
            rows.append([units for link in simulator.columns.pipeline for units in link])
        return np.array(rows, dtype=np.float64).reshape(self.ledger.periods, -1)


def replay_episodes(
    folder: Path, submissions: Iterable[str], scenario: str, seed_index: int, *, reveal: Reveal | None = None
) -> list[ReplayedEpisode]:
    """Play the episodes of submissions on one scenario and seed again.

    Args:
        folder: of results.
        submissions: names of submissions.
        scenario: slug of a scenario of the folder's suite.
        seed_index: position of the seed in its plan, from 0.
        reveal: of the secret, needed for hidden seeds: their demand stays hidden until then.

    Returns:
        The episodes, in the order of the submissions.

    Raises:
        UnknownName: the folder has no submission or scenario of a name.
        InvalidInput: a submission is named twice; or the episode was not played, was lost by the arena, follows other
            rules, is of hidden seeds that were not revealed, or differs from what its logged orders give.
        StoreError: the store cannot be read.
    """
    names = list(submissions)
    if len(set(names)) < len(names):
        raise InvalidInput([Fault("--against", "", names[-1], "is the same submission", "name another one")])
    refuse_other_age(folder / STORE_NAME)
    standings = read_standings(folder)
    played = _played(folder, standings, names, scenario)
    with Store(folder / STORE_NAME, read_only=True) as store:
        refuse_stale(folder, standings, store)
        records = [_find(folder, standings, store, name, scenario, seed_index, played[name]) for name in names]
        for record in records[1:]:
            if record.scenario_digest != records[0].scenario_digest:
                rule = "the two submissions played different contents of this scenario"
                raise _refusal(folder, record, "scenario_digest", record.scenario_digest, rule, "play both again")
        seeds = [_seeds_of(record, reveal) for record in records]
        stored = store.scenarios()
        done = []
        for record, plan in zip(records, seeds, strict=True):
            digest = record.scenario_digest
            known = [stored[digest].scenario] if digest in stored else shipped_scenarios().values()
            world = next((one for one in known if one.digest == digest), None)
            if world is None:
                rule = f"the store holds no content of scenario {record.scenario}, or one of another digest"
                raise _refusal(folder, record, "scenario_digest", digest, rule, "play it again by arena evaluate")
            done.append(_replay(folder, record, store, world, plan))
    return done


_Contents = dict[int, tuple[str, str]]
"""Digests of submission and scenario by seed index."""


def _played(folder: Path, standings: Standings, submissions: Sequence[str], scenario: str) -> dict[str, _Contents]:
    """Return what the table of episodes names for submissions on a scenario.

    Only these rows of the store are read: it may hold a million others.

    Raises:
        UnknownName: the standings know no submission or scenario of a name.
        InvalidInput: the table is missing, or lacks a column.
    """
    known = [row.submission for row in (*standings.rows, *standings.reference)]
    for name in submissions:
        if name not in known:
            raise unknown_name("submission", name, known, str(folder))
    if scenario not in standings.scenarios:
        raise unknown_name("scenario", scenario, standings.scenarios, str(folder))
    found: dict[str, _Contents] = {name: {} for name in submissions}
    path = folder / EPISODES_NAME
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            lines = csv.reader(file)
            heads = next(lines, [])
            places = [heads.index(column) for column in _COLUMNS]
            for line in lines:
                submission, on, index, *digests = (line[place] for place in places)
                if on == scenario and submission in found:
                    found[submission][int(index)] = (digests[0], digests[1])
    except OSError as error:
        rule = f"cannot be read: {error.strerror}"
    except (ValueError, IndexError, csv.Error):
        rule = "holds no table of episodes of this arena's layout"
    else:
        return found
    fix = "arena evaluate writes it; an interrupted evaluation is finished by the same command"
    raise InvalidInput([Fault(str(path), "", ABSENT, rule, fix)])


def _find(
    folder: Path,
    standings: Standings,
    store: Store,
    submission: str,
    scenario: str,
    seed_index: int,
    contents: _Contents,
) -> EpisodeRecord:
    if seed_index not in contents:
        told = f"{min(contents)} to {max(contents)}" if contents else "none"
        rule = f"{printable(submission)} has no episode of this seed index on {printable(scenario)}"
        fix = f"choose one of those that were played: {told}"
        raise InvalidInput([Fault(str(folder), "seed index", seed_index, rule, fix)])
    digests = contents[seed_index]
    record = store.record(episode_key(*digests, standings.commitment, seed_index, standings.contract_digest))
    if record.submission != submission:
        rule = f"{EPISODES_NAME} names this episode as one of {printable(submission)}"
        fix = f"see all that differs: arena verify {folder}"
        raise _refusal(folder, record, "submission", record.submission, rule, fix)
    # The scenario may have been renamed since it was played.
    return record.model_copy(update={"scenario": scenario})


def _seeds_of(record: EpisodeRecord, reveal: Reveal | None) -> PublicSeeds | HiddenSeeds:
    if record.commitment is None:
        if reveal is not None:
            rule = "these results are of public seeds, which need no reveal"
            raise InvalidInput([Fault("--reveal", "", ABSENT, rule, "remove --reveal")])
        return PublicSeeds()
    if reveal is None:
        rule = "the demand of hidden seeds stays hidden until their secret is revealed"
        fix = "give its reveal: --reveal FILE (made of the secret by arena seeds reveal SECRET --output FILE)"
        raise InvalidInput([Fault("--reveal", "", ABSENT, rule, fix)])
    if reveal.commitment != record.commitment:
        rule = f"the reveal is of the commitment {reveal.commitment[:_SHOWN]}…"
        fix = f"give that of {printable(record.commitment[:_SHOWN])}…, on whose seeds these results were played"
        raise InvalidInput([Fault("--reveal", "", ABSENT, rule, fix)])
    return hidden_seeds(reveal, MOST_SEEDS, seeds_contract(record))


def _replay(
    folder: Path, record: EpisodeRecord, store: Store, scenario: Scenario, seeds: PublicSeeds | HiddenSeeds
) -> ReplayedEpisode:
    contract = record.contract_digest
    if contract != contract_digest() and contract not in earlier_digests():
        rule = f"the episode follows other rules than this arena's, {contract_digest()[:_SHOWN]}…"
        fix = f"replay it with the arena that wrote it (version {record.arena_version})"
        raise _refusal(folder, record, "contract_digest", contract[:_SHOWN], rule, fix)
    if record.outcome == "infrastructure":
        rule = "the arena failed to play this episode, so there is nothing to show"
        raise _refusal(folder, record, "outcome", record.outcome, rule, "arena evaluate plays it again")
    mismatch = window_mismatch(record, scenario)
    if mismatch is None:
        simulator = simulator_of(scenario, record.seed_index)
        found = recompute(record, store.arrays(key_of(record)), simulator, seeds)
        mismatch = found.mismatch
        if mismatch is None and found.ledger is not None:
            return ReplayedEpisode(record, simulator.scenario, found.ledger)
    if mismatch is None:
        raise ValueError("an episode that agrees with its row has a ledger")
    rule = f"differs from what the logged orders give; recomputed {printable(repr(mismatch.recomputed))}"
    raise _refusal(
        folder, record, mismatch.column, mismatch.stored, rule, f"see all that differs: arena verify {folder}"
    )


def _refusal(folder: Path, record: EpisodeRecord, field: str, value: object, rule: str, fix: str) -> InvalidInput:
    episode = f"{record.submission}, {record.scenario}, seed index {record.seed_index}"
    return InvalidInput([Fault(str(folder / STORE_NAME), f"{episode}: {field}", value, rule, fix)])
