"""Progress by a clock of the test's own: counts, rate, time left, and how often a line is printed."""

import io
import sys
from collections.abc import Callable

import pytest

from arena.cli.console import make_console, print_table, shows_colour, table_width
from arena.cli.progress import (
    BarProgress,
    Counts,
    LineProgress,
    Wording,
    describe_playing,
    describe_seconds,
    make_progress,
)
from arena.progress import FollowsPlaying, Playing, Silent

WORDS: Wording[bool] = Wording("episodes", "failed", bool, "played before", workers=2)


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def plain_surroundings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("COLUMNS", "NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")


def played(clock: Clock, progress: Counts[bool] | LineProgress[bool], seconds: float, *failed: bool) -> None:
    add: Callable[[bool], None] = progress.add if isinstance(progress, Counts) else progress.advanced
    for one in failed:
        clock.now += seconds
        add(one)


def test_rate_and_time_left_do_not_count_what_was_done_before() -> None:
    clock = Clock()
    counts = Counts(WORDS, clock)
    counts.start(1800, 540)
    assert str(counts) == "done 540, running 2, failed 0, left 1260"
    played(clock, counts, 0.5, *[False] * 59, True)
    assert counts.rate == pytest.approx(2.0, rel=1e-12)
    assert str(counts) == "done 600, running 2, failed 1, left 1200, 2 episodes/s, 10 min to go"
    clock.now += 100
    assert str(counts).endswith("left 1200, 2 episodes/s, 8 min 20 s to go")
    clock.now += 10_000
    assert str(counts).endswith("0 s to go")


def test_the_end_says_how_long_it_took() -> None:
    clock = Clock()
    counts = Counts(WORDS, clock)
    counts.start(2, 0)
    played(clock, counts, 61.0, False, False)
    clock.now += 500
    assert str(counts) == "done 2, running 0, failed 0, left 0, 59 episodes/h, took 2 min 2 s"


def test_no_more_are_running_than_are_left() -> None:
    counts = Counts(WORDS, Clock())
    counts.start(3, 2)
    assert counts.running == 1


def test_ten_lines_over_the_whole(capsys: pytest.CaptureFixture[str]) -> None:
    clock = Clock()
    lines = LineProgress(WORDS, clock)
    lines.started(1000)
    played(clock, lines, 0.1, *[False] * 1000)
    lines.finished()
    told = capsys.readouterr().err.splitlines()
    assert told[0] == "arena: 1000 episodes"
    assert [line.split(",")[0] for line in told[1:]] == [f"arena: done {done}" for done in range(100, 1001, 100)]
    assert told[5] == "arena: done 500, running 2, failed 0, left 500, 10 episodes/s, 50 s to go"


def test_slow_work_is_told_every_minute(capsys: pytest.CaptureFixture[str]) -> None:
    clock = Clock()
    lines = LineProgress(WORDS, clock)
    lines.started(1000)
    played(clock, lines, 25.0, *[False] * 7)
    told = capsys.readouterr().err.splitlines()[1:]
    assert [line.split(",")[0] for line in told] == ["arena: done 3", "arena: done 6"]
    assert told[0].endswith("2.4 episodes/min, 6 h 55 min to go")


def test_after_a_minute_of_silence_what_is_being_played_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    clock = Clock()
    progress = LineProgress(WORDS, clock)
    progress.started(3)
    now = [Playing("dlp", "lost"), Playing("\x1b[31mss", "crossing")]
    for _ in range(150):
        clock.now += 1.0
        progress.playing(now)
    progress.playing([])
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 3
    assert lines[1].startswith("arena: done 0, running 2, failed 0, left 3; now: ")
    assert "dlp on lost" in lines[1]
    assert "\x1b" not in lines[1]


def test_many_episodes_are_named_by_number() -> None:
    now = [Playing(f"rule-{place}", "calm") for place in range(6)] + [Playing("rule-5", "calm")]
    assert describe_playing(now, 2) == "rule-0 on calm, rule-1 on calm, 5 more"
    assert describe_playing(now, 9).endswith("2 × rule-5 on calm")
    assert not isinstance(Silent(), FollowsPlaying)
    assert isinstance(BarProgress(WORDS), FollowsPlaying)


def test_nothing_to_do_needs_no_rate(capsys: pytest.CaptureFixture[str]) -> None:
    lines = LineProgress(WORDS, Clock())
    lines.started(5, 5)
    lines.finished()
    assert capsys.readouterr().err == "arena: 5 episodes, 5 of them played before\n"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(59.4, "59 s"), (59.6, "1 min"), (3599.4, "59 min 59 s"), (3600, "1 h"), (86_399.7, "1 d"), (90_000, "1 d 1 h")],
)
def test_times_are_rounded_before_they_are_split(seconds: float, words: str) -> None:
    assert describe_seconds(seconds) == words


@pytest.mark.parametrize("width", [40, 80])
def test_bar_and_counts_fit_the_terminal(width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", Terminal())
    monkeypatch.setenv("COLUMNS", str(width))
    bar = make_progress(WORDS)
    assert isinstance(bar, BarProgress)
    bar.started(1800, 540)
    bar.advanced(True)
    console = make_console(stderr=True)
    lines = console.render_lines(bar.rendered())
    texts = ["".join(part.text for part in line) for line in lines]
    bar.finished()
    assert max(map(len, texts)) <= width
    assert set(texts[0].strip()) <= {"━", "╸", "╺"}
    assert "done 541, running 2, failed 1, left 1259" in " ".join(" ".join(texts[1:]).split())


def test_a_dumb_terminal_gets_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", Terminal())
    monkeypatch.setenv("TERM", "dumb")
    assert isinstance(make_progress(WORDS), LineProgress)
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    monkeypatch.setenv("TERM", "xterm")
    assert isinstance(make_progress(WORDS), LineProgress)


@pytest.mark.parametrize(
    ("terminal", "environment", "coloured"),
    [
        (True, {}, True),
        (False, {}, False),
        (True, {"NO_COLOR": "1"}, False),
        (True, {"NO_COLOR": ""}, True),
        (True, {"TERM": "dumb"}, False),
        (False, {"FORCE_COLOR": "1"}, True),
        (True, {"TERM": "dumb", "FORCE_COLOR": "1"}, True),
        (False, {"FORCE_COLOR": "1", "NO_COLOR": "1"}, False),
    ],
)
def test_colour_is_for_terminals_unless_told_otherwise(
    terminal: bool, environment: dict[str, str], coloured: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    stream = Terminal() if terminal else io.StringIO()
    assert shows_colour(stream) is coloured
    monkeypatch.setattr(sys, "stdout", stream)
    print_table(("name", "units"), [("a", "1")], right=("units",))
    assert ("\x1b[" in stream.getvalue()) is coloured
    assert "name   units" in stream.getvalue()


def test_the_width_is_that_of_the_terminal_or_of_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    assert table_width() is None
    monkeypatch.setenv("COLUMNS", "72")
    assert table_width() == 72
    monkeypatch.setenv("COLUMNS", "wide")
    assert table_width() is None
    monkeypatch.setattr(sys, "stdout", Terminal())
    assert table_width() == 80  # The width that Python assumes where no terminal says one.
