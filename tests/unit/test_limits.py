"""Limits that an organiser chooses: read from a file, kept with the results, and shown to authors by a warning."""

import dataclasses
import functools
import json
import re
from types import MappingProxyType

import pytest
from commands import invoke
from records import make_episode
from seats import make_submission

from arena.contract.seeds import PublicSeeds
from arena.entry.limits import load_limits
from arena.entry.loading import load_submissions
from arena.errors import InvalidInput, StoreError
from arena.jail.limits import GIBIBYTE, MEBIBYTE, Limits
from arena.play.evaluate import evaluate
from arena.play.seats.use import Peaks, TimeUse
from arena.plugins import Plugins
from arena.results.folder import STORE_NAME
from arena.results.store import Store
from arena.results.timing import DecisionTimes
from arena.testing import check_submission
from arena.testing.headroom import find_little_headroom
from arena.world.suite import Suite, load_suite


@pytest.fixture
def file(tmp_path):
    """Writes a file of limits."""

    def write(text):
        path = tmp_path / "limits.yaml"
        path.write_text(text, encoding="utf-8")
        return path

    return write


# --- the file ----------------------------------------------------------------------------------------------------


def test_what_a_file_does_not_name_has_the_default(file):
    assert load_limits(file("decision: 5\nmemory: 4294967296\nwall_time_factor: 2.5\n")) == Limits(
        decision=5.0, memory=4 * GIBIBYTE, wall_time_factor=2.5
    )
    assert load_limits(file("{}")) == Limits()


def test_every_limit_can_be_named(file):
    values = {name: 2 * value for name, value in dataclasses.asdict(Limits()).items()}
    assert dataclasses.asdict(load_limits(file(json.dumps(values)))) == values


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("decison: 5", 'decison: .*did you mean "decision"'),
        ("decision: 0", "decision: must be greater than 0, got 0"),
        ("decision: -1.0", "decision: must be greater than 0"),
        ("decision: true", "decision: must be a"),
        ("decision: .inf", "must be a finite number"),
        ("decision: 1e300", "decision: must be .*10000000"),
        ("memory: 1.5", "memory: .*got 1.5"),
        ("tasks: 0", "tasks: must be greater than 0"),
        ("wall_time_factor: 0.5", "wall_time_factor: must be 1 or more, got 0.5"),
        ("- decision", "mapping"),
    ],
)
def test_a_fault_of_a_file_is_named(file, text, message):
    with pytest.raises(InvalidInput, match=message) as caught:
        load_limits(file(text))
    assert "limits.yaml" in str(caught.value)


def test_faults_are_told_at_once(file):
    with pytest.raises(InvalidInput, match="2 faults"):
        load_limits(file("decision: 0\nsetup: 0"))


def declared(place, body=""):
    """The folder of a submission with a manifest."""
    folder = make_submission(place, body).folder
    manifest = "name: mine\ncontroller: mine.py:Mine\ntrack: blind\n"
    (folder / "submission.yaml").write_text(manifest, encoding="utf-8")
    return folder


# --- the folder of results ---------------------------------------------------------------------------------------


@pytest.fixture
def play(tmp_path):
    """Plays a short suite into one folder, with limits."""
    submissions = load_submissions([declared(tmp_path)], Plugins(MappingProxyType({}))).require()
    short = Suite(name="short", description="", scenarios=load_suite("smoke").scenarios[:1])

    def run(limits=None):
        return evaluate(
            submissions,
            short,
            PublicSeeds(count=1),
            output=tmp_path / "results",
            isolation="trusted",
            workers=0,
            limits=limits,
        )

    return run


def recorded(folder):
    with Store(folder / "results" / STORE_NAME, read_only=True) as store:
        return store.limits.get()


def test_limits_are_kept_with_the_results(play, tmp_path):
    limits = Limits(decision=7.0, disk=5 * MEBIBYTE)
    (record,) = play(limits).records
    assert recorded(tmp_path) == limits
    assert record.decision_times.deadline == 7.0
    assert play(limits).resumed == 1


@pytest.mark.parametrize("change", [{"decision": 2.0}, {"memory": GIBIBYTE}, {"wall_time_factor": 1.0}])
def test_a_folder_is_not_resumed_with_other_limits(play, tmp_path, change):
    play()
    assert recorded(tmp_path) == Limits()
    ((name, value),) = change.items()
    there = getattr(Limits(), name)
    rule = f"holds episodes that were played with other limits: {name} is {there} there, asked was {value}"
    with pytest.raises(InvalidInput, match=rule):
        play(Limits(**change))
    assert recorded(tmp_path) == Limits()


def test_a_store_of_before_is_known_by_the_limits_on_decisions(tmp_path):
    times = DecisionTimes.measured([0.1], [0.1], Limits(decision=2.0))
    with Store(tmp_path / STORE_NAME) as store:
        store.put(make_episode(decision_times=times))
        with pytest.raises(InvalidInput, match=r"decision is 2\.0 there, asked was 1\.0"):
            store.limits.enter(Limits(), tmp_path)
        store.limits.enter(Limits(decision=2.0, setup=5.0), tmp_path)
        assert store.limits.get() == Limits(decision=2.0, setup=5.0)


def test_a_store_whose_records_tell_nothing_takes_any_limits(tmp_path):
    with Store(tmp_path / STORE_NAME) as store:
        store.put(make_episode(decision_times=None))
        store.limits.enter(Limits(decision=2.0), tmp_path)
        assert store.limits.get() == Limits(decision=2.0)


@pytest.mark.parametrize("damage", ["{", '{"decision": 0}', '{"speed": 1}', "[]"])
def test_damaged_limits_are_refused(tmp_path, damage):
    with Store(tmp_path / STORE_NAME) as store:
        store.limits.enter(Limits(), tmp_path)
        store._database.execute("UPDATE about SET value = ? WHERE name = 'limits'", (damage,))
        with pytest.raises(StoreError, match="its limits cannot be read"):
            store.limits.get()


def test_the_commands_take_a_file(tmp_path, file):
    folder = str(declared(tmp_path))
    play = ["--scenario", "serial-stationary-backlog", "--output", str(tmp_path / "results"), "--workers", "0"]
    play += ["--isolation", "trusted"]
    done = invoke(["evaluate", folder, "--limits", str(file("decision: 9\n")), *play])
    assert done.exit_code == 0, done.output
    assert recorded(tmp_path) == Limits(decision=9.0)
    refused = invoke(["evaluate", folder, *play])
    assert refused.exit_code == 2
    assert "played with other limits: decision is 9.0 there, asked was 1.0" in refused.output
    checked = invoke(["check", folder, "--limits", str(file("decision: 9\n")), "--isolation", "process"])
    assert re.search(r"later decisions .* 9 s", checked.output), checked.output
    for command in (["check", folder], ["evaluate", folder, *play]):
        refused = invoke([*command, "--limits", str(file("decision: 0\n"))])
        assert refused.exit_code == 2
        assert "decision: must be greater than 0, got 0" in refused.output


# --- headroom ----------------------------------------------------------------------------------------------------


def test_half_of_a_limit_is_told():
    limits = Limits()
    peaks = Peaks(
        setup=TimeUse(15.0, 16.0), first_decision=TimeUse(4.9, 14.9), decision=TimeUse(0.1, 1.5), memory=GIBIBYTE
    )
    assert list(find_little_headroom(peaks, limits)) == [
        "import, construction and begin together took 15 s of CPU time, 50% of the limit of 30 s (setup)",
        "the slowest later decision took 1.5 s on the clock, 50% of the limit of 3 s (decision)",
        "it took 1024 MiB of address space, 50% of the limit of 2048 (memory)",
    ]


def test_less_than_half_is_not_told():
    almost = TimeUse(0.49, 1.49)
    assert not list(find_little_headroom(Peaks(decision=almost, close=almost, bank=almost), Limits()))


def test_a_check_warns_of_little_headroom(tmp_path):
    body = """
    def begin(self, briefing):
        until = time.process_time() + 0.6
        while time.process_time() < until:
            pass
    """
    limits = Limits(setup=1.0, wall_time_factor=1000.0)
    check = functools.partial(check_submission, networks=["serial"], limits=limits, isolation="process")
    (submission,) = load_submissions([declared(tmp_path, body)], Plugins(MappingProxyType({}))).require()
    result = check(submission)
    assert result.findings == ()
    assert [(one.check, one.track) for one in result.warnings] == [("headroom", "blind")]
    assert "import, construction and begin together took" in str(result.warnings[0])
    assert "headroom" in result.checks


def test_a_check_of_a_quick_controller_does_not_warn(tmp_path):
    limits = Limits(setup=600.0, first_decision=600.0, decision=600.0, close=600.0, bank=600.0)
    (submission,) = load_submissions([declared(tmp_path)], Plugins(MappingProxyType({}))).require()
    result = check_submission(submission, networks=["serial"], limits=limits, isolation="process")
    assert (result.findings, result.warnings) == ((), ())
    assert "headroom" in result.checks
