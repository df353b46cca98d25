"""Rounds: what they commit to, an evaluation that plays exactly that, and a folder that is held against them."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

from arena.audit.removing import remove
from arena.audit.rewriting import TablesToRewrite
from arena.audit.verify import verify
from arena.contract.seeds import HiddenSeeds, PublicSeeds, Secret, hidden_seeds, reveal_secret
from arena.contract.version import contract_digest
from arena.entry.loading import load_submissions
from arena.entry.submission import Submission
from arena.errors import ArenaError, InvalidInput
from arena.jail.limits import Limits
from arena.play.evaluate import Evaluation, evaluate
from arena.play.rounds import make_round
from arena.play.until_decided import evaluate_until_decided
from arena.plugins import Plugins
from arena.results.rounds import Round, RoundTerms, digest_drawing, read_round, write_round
from arena.results.rows import StoppingRule
from arena.results.store import Store
from arena.world.contest_draws import Draw, Drawing, make_template
from arena.world.suite import Suite, load_scenario, load_suite

SECRET = Secret(master="5ec2e7" + "0" * 58, salt="5a17" + "0" * 60)
OTHER = Secret(master="11" * 32, salt="22" * 32)
REVEAL = reveal_secret(SECRET)
SUITE = """
name: small
draw_seed: 7
scored_by: clairvoyant
scenarios: [{name: own, network: tree, horizon: 9}]
blocks:
  - draw: [{path: demand.base_mean, uniform: [10, 30]}]
    set: {demand: {base_mean: 20}, horizon: 8}
    matrix: {network: [{label: drawn, set: {network: serial}}]}
"""
CODE = """
import numpy as np

class Controller:
    def __init__(self, factor=1.0):
        self.factor = factor

    def begin(self, briefing):
        self.links = len(briefing.order_bound)

    def order(self, observation):
        return np.full(self.links, self.factor * (15.0 + observation.last_demand.sum() / 4))
"""
FACTORS = {"clairvoyant": 0.9, "rival": 0.8, "steady": 1.0}


def enter(place: Path, name: str, factor: float) -> None:
    folder = place / name
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "controller.py").write_text(CODE)
    track = "oracle" if name == "clairvoyant" else "blind"
    (folder / "submission.yaml").write_text(
        f"name: {name}\ncontroller: controller.py:Controller\ntrack: {track}\nconfig: {{factor: {factor}}}\n"
    )


def load(place: Path) -> tuple[Submission, ...]:
    return load_submissions([place], Plugins(MappingProxyType({}))).require()


def seeds(count: int = 2, secret: Secret = SECRET) -> HiddenSeeds:
    return hidden_seeds(secret, count, contract_digest())


def suite_of(place: Path, plan: HiddenSeeds | None = None) -> Suite:
    return load_suite(place / "small.yaml", (plan or seeds()).draw_key)


@pytest.fixture(scope="module")
def entrants(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("rounds")
    for name, factor in FACTORS.items():
        enter(place / "submissions", name, factor)
    (place / "small.yaml").write_text(SUITE)
    return place


def make(place: Path, **changes: Any) -> Round:
    given = {"isolation": "trusted", "reference": str(place / "small.yaml")}
    plan = changes.pop("plan", seeds())
    return make_round(load(place / "submissions"), suite_of(place), plan, **{**given, **changes})


def play(place: Path, output: Path, contest_round: Round | None, **changes: Any) -> Evaluation:
    submissions = changes.pop("submissions", None) or load(place / "submissions")
    plan = changes.pop("plan", seeds())
    suite = changes.pop("suite", None) or suite_of(place)
    given = {"output": output, "isolation": "trusted", "workers": 0, "contest_round": contest_round}
    return evaluate(submissions, suite, plan, **{**given, **changes})


@pytest.fixture(scope="module")
def played(entrants: Path) -> tuple[Path, Round]:
    """A folder in which a round was played, and the round."""
    contest_round = make(entrants)
    play(entrants, entrants / "results", contest_round)
    return entrants / "results", contest_round


@pytest.fixture
def folder(played: tuple[Path, Round], tmp_path: Path) -> Path:
    return shutil.copytree(played[0], tmp_path / "results")


def test_a_round_comes_back_as_it_was_written_and_its_digest_is_that_of_the_file(
    entrants: Path, tmp_path: Path
) -> None:
    written = make(entrants, stopping=StoppingRule(margin=1e-05, budget=60), limits=Limits(decision=0.25))
    path = tmp_path / "round.json"
    write_round(written, path)
    found = read_round(path)
    assert found == written
    assert found.digest == hashlib.sha256(path.read_bytes()).hexdigest()
    assert found.terms.allowed == Limits(decision=0.25)
    assert [(one.name, len(one.digest)) for one in found.terms.participants] == [(name, 64) for name in sorted(FACTORS)]
    with pytest.raises(ArenaError, match="exists already; a round is never overwritten"):
        write_round(written, path)


def test_nothing_of_a_round_depends_on_the_secret_but_its_commitment(entrants: Path) -> None:
    """Scenarios that the secret draws are committed to by their ranges: a digest of them could be guessed at."""
    other = seeds(secret=OTHER)
    given = {"isolation": "trusted", "reference": str(entrants / "small.yaml")}
    again = make_round(load(entrants / "submissions"), suite_of(entrants, other), other, **given)  # type: ignore[arg-type]
    terms = make(entrants).terms
    assert again.terms.model_copy(update={"commitment": terms.commitment, "created": terms.created}) == terms
    drawn = {one.name: (one.digest is None, one.drawing is None) for one in terms.suite.scenarios}
    assert drawn == {"own": (False, True), "drawn": (True, False)}
    public = load_suite(entrants / "small.yaml")
    assert digest_drawing(public.drawings["drawn"]) == terms.suite.scenarios[0].drawing


def test_a_round_is_on_hidden_seeds_and_its_first_batch_within_the_budget(entrants: Path) -> None:
    with pytest.raises(InvalidInput, match=r'a round is played on hidden seeds, got "public"; play hidden seeds'):
        make(entrants, plan=PublicSeeds())
    with pytest.raises(InvalidInput, match="the first batch has 2 seeds per scenario, and the budget is less"):
        make(entrants, stopping=StoppingRule(budget=1))


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("format", "arena-round-9", "format: must be"),
        ("participants", [], "participants: must have at least 1"),
        ("commitment", "abc", "commitment: must match the pattern"),
        ("limits", {"decision": 1.0}, "a round states every limit, and no other"),
        ("limits", {**dataclasses.asdict(Limits()), "decision": -1.0}, "must be a positive finite number"),
        ("isolation", "none", "isolation: must be one of"),
        ("bribe", 1, "bribe: is not a field here"),
    ],
)
def test_a_file_that_is_no_round_is_refused(
    entrants: Path, tmp_path: Path, field: str, value: object, message: str
) -> None:
    path = tmp_path / "round.json"
    path.write_text(json.dumps({**json.loads(make(entrants).text), field: value}))
    with pytest.raises(InvalidInput, match=message):
        read_round(path)
    with pytest.raises(InvalidInput, match=r"cannot be read: No such file.*arena round new FILE"):
        read_round(tmp_path / "nothing.json")


def test_a_round_that_was_played_is_kept_and_agrees(played: tuple[Path, Round]) -> None:
    folder, contest_round = played
    standings = json.loads((folder / "standings.json").read_text())
    assert standings["round_digest"] == contest_round.digest
    for given in (None, contest_round):
        found = verify(folder, reveal=REVEAL, contest_round=given)
        assert (found.differences, found.notices, found.round_digest) == ((), (), contest_round.digest)
    assert verify(folder, contest_round=contest_round).differences == ()  # as far as it goes without the reveal


def test_an_interrupted_round_goes_on(played: tuple[Path, Round], entrants: Path, folder: Path) -> None:
    _, contest_round = played
    with closing(sqlite3.connect(folder / "results.sqlite", isolation_level=None)) as connection:
        connection.execute("DELETE FROM episodes WHERE seed_index = 1")
    before = json.loads((folder / "standings.json").read_text())["digests"]["results"]
    evaluation = play(entrants, folder, contest_round)
    assert evaluation.played == 2 * len(FACTORS)
    assert evaluation.standings.digests is not None
    assert evaluation.standings.digests.results == before


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"isolation": "process"}, 'isolation: the round commits to trusted, got "process"'),
        ({"limits": Limits(decision=0.5)}, "limits.decision: the round commits to 1.0, got 0.5"),
        ({"plan": seeds(1)}, "seeds: the round commits to 2, got 1"),
        ({"plan": seeds(3)}, "seeds: the round commits to 2, got 3"),
        ({"plan": seeds(2, OTHER)}, "seeds: the round commits to"),
        ({"plan": PublicSeeds(2)}, 'got "public seeds"'),
        ({"accept_fallbacks": True}, "accept_fallbacks: the round commits to False, got True"),
        ({"stopping": StoppingRule(budget=9)}, "stopping: the round commits to a fixed number of seeds, got"),
    ],
)
def test_an_evaluation_that_departs_from_its_round_is_refused(
    entrants: Path, tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(InvalidInput, match=message):
        play(entrants, tmp_path / "results", make(entrants), **changes)
    assert not (tmp_path / "results").exists()


def test_another_suite_is_refused(entrants: Path, tmp_path: Path) -> None:
    for old, new, message in (
        ("uniform: [10, 30]", "uniform: [10, 31]", 'scenario drawn: .*got "another content"'),
        ("horizon: 9", "horizon: 10", 'scenario own: .*got "another content"'),
        ("scored_by: clairvoyant", "scored_by: rival", "suite.scored_by: the round commits to clairvoyant"),
        ("name: own", "name: mine", '(?s)scenario own: .*got "absent".*scenario mine: .*no scenario of the round'),
    ):
        (tmp_path / "other.yaml").write_text(SUITE.replace(old, new))
        other = load_suite(tmp_path / "other.yaml", seeds().draw_key)
        with pytest.raises(InvalidInput, match=message):
            play(entrants, tmp_path / "results", make(entrants), suite=other)


def test_participants_are_refused_by_name(entrants: Path, tmp_path: Path) -> None:
    contest_round = make(entrants)
    place = shutil.copytree(entrants / "submissions", tmp_path / "submissions")
    shutil.rmtree(place / "rival")
    enter(place, "steady", 1.5)
    enter(place, "late-comer", 1.2)
    with pytest.raises(InvalidInput) as refused:
        play(entrants, tmp_path / "results", contest_round, submissions=load(place))
    told = {fault.field: fault.rule for fault in refused.value.faults}
    assert told == {
        "rival": "is missing",
        "steady": "has another content than the round commits to",
        "late-comer": "is no participant of the round",
    }


def test_rounds_and_practice_on_the_same_seeds_do_not_mix(entrants: Path, tmp_path: Path, folder: Path) -> None:
    with pytest.raises(InvalidInput, match=r"holds the results of the round .*--round FILE.*choose another folder"):
        play(entrants, folder, None)
    later = make(entrants)
    later = Round.of(later.terms.model_copy(update={"created": "2020-01-01T00:00:00+00:00"}))
    with pytest.raises(InvalidInput, match="holds the results of the round"):
        play(entrants, folder, later)
    play(entrants, tmp_path / "practice", None)
    with pytest.raises(InvalidInput, match="played for practice, outside of any round; choose another folder"):
        play(entrants, tmp_path / "practice", later)


# --- verification against the round ----------------------------------------------------------------------------------


def edit(folder: Path, *statements: str) -> None:
    """Edit the store, and have the arena write all tables anew, digests included: the folder agrees with itself."""
    tables = TablesToRewrite(folder)
    with closing(sqlite3.connect(folder / "results.sqlite", isolation_level=None)) as connection:
        for statement in statements:
            connection.execute(statement)
    with Store(folder / "results.sqlite") as store:
        tables.write(store)


def of(name: str) -> str:
    return f"json_extract(record, '$.submission') = '{name}'"


EDITS: dict[str, tuple[tuple[str, ...], list[tuple[str, str]]]] = {
    "missing participant": ((f"DELETE FROM episodes WHERE {of('rival')}",), [("rival", "submission_digest")]),
    "other content": (
        (
            "UPDATE episodes SET submission_digest = 'ab', record = json_set(record, '$.submission_digest', 'ab') "
            f"WHERE {of('rival')}",
        ),
        [("rival", "submission_digest")],
    ),
    "fewer seeds": (("DELETE FROM episodes WHERE seed_index = 1",), [("", "seeds")]),
    "other level": (
        (
            "UPDATE episodes SET isolation = 'strict', record = json_set(record, '$.isolation', 'strict') "
            f"WHERE {of('rival')}",
        ),
        [("rival", "isolation")],
    ),
    "other limits": (
        (
            "UPDATE about SET value = json_set(value, '$.decision', 9.0) WHERE name = 'limits'",
            "UPDATE episodes SET record = json_set(record, '$.decision_times.deadline', 9.0)",
        ),
        [("", "limits.decision")],
    ),
}


@pytest.mark.parametrize("name", EDITS)
def test_what_departs_from_the_round_is_named(folder: Path, played: tuple[Path, Round], name: str) -> None:
    statements, expected = EDITS[name]
    if name == "other content":  # The table names contents, and keeps the one that it names.
        path = folder / "episodes.csv"
        table = path.read_text()
        [digest] = {one.digest for one in played[1].terms.participants if one.name == "rival"}
        edited = table.replace(digest, "ab")
        with closing(sqlite3.connect(folder / "results.sqlite", isolation_level=None)) as connection:
            connection.execute(statements[0])
        path.write_text(edited)
        statements = ()
    edit(folder, *statements)
    for given in (played[1], None):
        found = verify(folder, reveal=REVEAL, contest_round=given)
        assert [(one.submission, one.column) for one in found.differences] == expected


def test_a_practice_that_is_given_out_as_a_round_is_named(entrants: Path, tmp_path: Path) -> None:
    contest_round = make(entrants)
    play(entrants, tmp_path / "practice", None)
    [found] = verify(tmp_path / "practice", reveal=REVEAL, contest_round=contest_round).differences
    assert found[4:] == ("round_digest", "none: practice", contest_round.digest)
    path = tmp_path / "practice" / "standings.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "round_digest": contest_round.digest}))
    columns = [one.column for one in verify(tmp_path / "practice", reveal=REVEAL).differences]
    assert columns[0] == "round_digest"


def test_another_round_than_the_published_one_is_named(played: tuple[Path, Round]) -> None:
    folder, contest_round = played
    terms: RoundTerms = contest_round.terms
    weaker = Round.of(terms.model_copy(update={"seeds": 3, "isolation": "strict", "accept_fallbacks": True}))
    found = verify(folder, reveal=REVEAL, contest_round=weaker).differences
    assert [(one.submission, one.column) for one in found] == [
        ("", "round_digest"),
        ("", "accept_fallbacks"),
        ("", "seeds"),
        *((name, "isolation") for name in sorted(FACTORS)),
    ]
    assert "at a weaker level than the round says" in str(found[-1].recomputed)


def test_a_participant_that_was_removed_with_a_mark_is_not_missing_unnoticed(folder: Path) -> None:
    remove(folder, "rival", "it was entered twice")
    found = verify(folder, reveal=REVEAL)
    assert (found.differences, [one.submission for one in found.removals]) == ((), ["rival"])


def test_episodes_before_the_round_are_noticed(folder: Path) -> None:
    edit(folder, "UPDATE episodes SET record = json_set(record, '$.finished_at', '2020-01-01T00:00:00.000+00:00')")
    found = verify(folder, reveal=REVEAL)
    [notice] = found.notices
    assert (found.differences, "12 episodes are dated before the round was made" in notice) == ((), True)


def test_public_results_have_no_round(entrants: Path, tmp_path: Path) -> None:
    suite = load_suite(entrants / "small.yaml")
    evaluate(load(entrants / "submissions"), suite, PublicSeeds(1), output=tmp_path, isolation="trusted", workers=0)
    with pytest.raises(InvalidInput, match="these results are of public seeds, which no round is played on"):
        verify(tmp_path, contest_round=make(entrants))


def test_a_round_until_decided_ends_by_its_own_rule(entrants: Path, tmp_path: Path) -> None:
    rule = StoppingRule(budget=40)
    contest_round = make(entrants, stopping=rule, plan=seeds(2))
    options: dict[str, Any] = {"output": tmp_path, "isolation": "trusted", "workers": 0, "contest_round": contest_round}
    submissions, suite = load(entrants / "submissions"), suite_of(entrants)
    with pytest.raises(InvalidInput, match="stopping: the round commits to until decided, the default margin"):
        evaluate_until_decided(submissions, suite, seeds(2), StoppingRule(budget=30), **options)
    standings = evaluate_until_decided(submissions, suite, seeds(2), rule, **options).standings
    assert 30 <= standings.seeds <= 40
    assert verify(tmp_path, reveal=REVEAL, contest_round=contest_round).differences == ()
    edit(tmp_path, "DELETE FROM episodes WHERE seed_index > 1")
    [found] = verify(tmp_path, reveal=REVEAL, contest_round=contest_round).differences
    assert (found.column, found.stored) == ("seeds", 2)
    assert "by the stopping rule of the round another batch follows" in str(found.recomputed)


@pytest.mark.parametrize(
    ("name", "digest"),
    [
        ("serial-stationary-backlog", "d0172a9609238230857f9b52f3933a0a1d63809a819f6662a3e2cc44165e7b24"),
        ("assembly-trend-seasonal-lost-sales", "77182d368285d8187dbce47c30da12cf8086398da8d9390ebbed8af6a572202c"),
    ],
)
def test_what_a_version_adds_to_scenarios_changes_no_commitment_to_a_drawing(name, digest):
    template = make_template(load_scenario(name), [Draw(path="demand.noise_scale", choice=(0.5, 1.0))], "a suite")
    assert digest_drawing(Drawing(template=template, number=0, draws=1, public_seed=3)) == digest
