"""The command line: what it says of a language model, and the exit status it leaves."""

import json

import pytest
import yaml
from model_endpoint import GOOD, say, status
from typer.testing import CliRunner

from arena.cli import app

SCENARIO = "serial-stationary-backlog"


@pytest.fixture
def run(tmp_path, monkeypatch, endpoint):
    """A function that runs a command in a folder with a manifest of `endpoint`, `tuner.yaml`."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    content = {
        "name": "tuner",
        "controller": "llm-tuner",
        "track": "blind",
        "capabilities": ["llm"],
        "config": {"endpoint": endpoint.describe().model_dump(mode="json")},
    }
    (tmp_path / "tuner.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")
    return lambda *arguments: CliRunner().invoke(app, [*map(str, arguments)], prog_name="arena")


def evaluate(run, *arguments):
    options = ("--scenario", SCENARIO, "--isolation", "trusted", "--workers", 0)
    return run("evaluate", "tuner.yaml", *options, *arguments)


def test_by_default_there_is_no_language_model(run, tmp_path, endpoint):
    done = evaluate(run)
    assert done.exit_code == 2
    assert 'unavailable: tuner.yaml: controller "llm-tuner" needs a language model; play with --llm live' in done.stderr
    assert (endpoint.requests, endpoint.probes) == ([], 0)
    assert not (tmp_path / "results").exists()


def test_live_then_replay_then_verify(run, endpoint):
    endpoint.script = lambda number: say(json.dumps(GOOD) if number else "no")
    live = evaluate(run, "--llm", "live", "--llm-endpoint", endpoint.url)
    assert live.exit_code == 0, live.stderr
    assert "language model: tuner asked test-model-2: 11 questions, 0 without an answer" in live.stdout
    assert "1 answers of no use (1 mended), 0 episodes with a fallback" in live.stdout
    replay = ("--llm", "replay", "--transcripts", "results/transcripts.jsonl", "--output", "again")
    assert evaluate(run, *replay).exit_code == 0
    assert len(endpoint.requests) == 11
    verified = run("verify", "again", "--replay", "tuner.yaml", "--isolation", "trusted")
    assert verified.exit_code == 0, verified.stdout
    assert "checked: 11 questions to language models, with their answers" in verified.stdout
    assert "checked: 10 of 10 rows: orders, played again from the transcript" in verified.stdout
    assert "all agrees" in verified.stdout


def test_the_organiser_sets_the_limits_and_is_told_what_went_wrong(run, endpoint):
    endpoint.script = lambda number: say("no") if number < 3 else status(400, message="no credit left")
    options = ("--llm-timeout", 9, "--llm-retries", 0, "--llm-episode-calls", 1, "--llm-episode-tokens", 999)
    options += ("--llm-calls", 8, "--llm-tokens", 9999, "--llm-failures-in-a-row", 4)
    done = evaluate(run, "--llm", "live", "--llm-endpoint", endpoint.url, *options)
    assert done.exit_code == 0, done.stderr
    assert len(endpoint.requests) == 3 + 2 * 4, "a refusal that names nothing may be about the schema"
    assert (
        "tuner: 4 of 7 questions to its language model have no answer (bad_request 4); "
        "the last one: status 400: no credit left\n"
    ) in done.stderr
    assert (
        "tuner: 3 episodes were refused further questions by a limit of the run; "
        "the last one: the episode has asked its 1 questions (--llm-episode-calls)\n"
    ) in done.stderr
    refused = evaluate(run, "--llm", "live", "--llm-endpoint", endpoint.url, "--llm-timeout", 0)
    assert refused.exit_code == 2
    assert "1 fault in --llm-timeout:\n  must be greater than 0, got 0.0" in refused.stderr


def test_a_run_in_which_everything_was_answered_has_nothing_to_tell(run, endpoint):
    done = evaluate(run, "--llm", "live", "--llm-endpoint", endpoint.url)
    assert done.exit_code == 0, done.stderr
    assert "tuner:" not in done.stderr


def test_a_wrong_option_is_wrong_input(run):
    done = evaluate(run, "--llm", "lively")
    assert done.exit_code == 2
    assert 'unknown mode of --llm, got "lively"; did you mean "live"?' in done.stderr


def test_a_check_asks_nobody_and_says_so(run, endpoint):
    done = run("check", "tuner.yaml", "--isolation", "trusted")
    assert done.exit_code == 0, done.stdout
    assert "its language model is not asked, every question fails" in done.stderr
    assert "were answered by the controller's fallback" in done.stdout
    assert endpoint.requests == []
