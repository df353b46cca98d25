"""The gateway without any network: transcript, budgets, redaction, replay, and the way from a controller to it."""

import dataclasses
import errno
import json
import multiprocessing
import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import numpy as np
import pytest
from seats import SCENARIO, make_submission

from arena import (
    ArenaError,
    InvalidInput,
    LlmAnswer,
    LlmEndpoint,
    LlmFailure,
    LlmLimits,
    LlmMessage,
    LlmQuestion,
    LlmUnavailable,
    UnknownName,
)
from arena.contract.language_model import LONGEST_ANSWER, LONGEST_QUESTION, MOST_MESSAGES
from arena.contract.seeds import PublicSeeds
from arena.errors import InfrastructureFailure
from arena.jail.limits import Limits
from arena.llm import (
    LiveGateway,
    LlmCall,
    LlmOutcome,
    ReplayGateway,
    Transcript,
    describe_failures,
)
from arena.llm.access import make_access, make_limits
from arena.llm.call import CallKey
from arena.llm.relay import RelayedGateway, serve_calls
from arena.llm.transcript import read_transcript
from arena.play.match import play
from arena.schemas import parse_as

ENDPOINT = LlmEndpoint(base_url="http://127.0.0.1:1/v1", model="test-model")
QUESTION = LlmQuestion((LlmMessage("user", "six numbers?"),))
IN_A_ROW = LlmLimits().failures_in_a_row
LEVELS = ("trusted", "process")


def call(index=0, position=0, question=QUESTION, endpoint=ENDPOINT, submission="mine"):
    return LlmCall(CallKey(submission, "abc", "public", index, position), endpoint, question)


class Client:
    """A client that answers from a list, and raises what is an error in it."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.asked = []

    def ask(self, question):
        self.asked.append(question)
        answer = self.answers.pop(0) if self.answers else LlmAnswer("again", "m", 5, 3)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def probe(self):
        pass

    def close(self):
        pass


def gateway(path, client, **options):
    return LiveGateway(Transcript(path), lambda endpoint, limits: client, **options)


def test_a_question_is_asked_once_under_its_key(tmp_path):
    client = Client(LlmAnswer("one", "m", 5, 3), LlmFailure("timeout", "late"))
    first = gateway(tmp_path / "t.jsonl", client)
    answered, failed = first.call(call(0)), first.call(call(1))
    assert (answered.outcome, answered.text, answered.prompt_tokens) == ("ok", "one", 5)
    assert (failed.outcome, failed.text, failed.message) == ("timeout", "", "late")
    assert (first.call(call(0)), first.call(call(1))) == (answered, failed)
    first.close()
    later = gateway(tmp_path / "t.jsonl", client)
    assert (later.call(call(0)), later.call(call(1))) == (answered, failed)
    assert len(client.asked) == 2
    assert later.call(call(0, question=LlmQuestion((LlmMessage("user", "another?"),)))).text == "again"
    assert later.call(call(0, endpoint=ENDPOINT.model_copy(update={"temperature": 1.0}))).text == "again"
    assert len(client.asked) == 4
    later.close()


def test_an_endpoint_elsewhere_that_asks_the_same_model_is_the_same(tmp_path):
    moved = ENDPOINT.model_copy(update={"base_url": "http://127.0.0.1:2/v1"})
    assert QUESTION.digest(moved) == QUESTION.digest(ENDPOINT)
    assert QUESTION.digest(ENDPOINT.model_copy(update={"seed": 1})) != QUESTION.digest(ENDPOINT)


def test_a_line_that_was_cut_short_is_taken_away_and_its_call_made_again(tmp_path):
    path = tmp_path / "t.jsonl"
    client = Client()
    first = gateway(path, client)
    kept = first.call(call(0))
    first.call(call(1))
    first.close()
    whole = path.read_bytes()
    path.write_bytes(whole[:-20])
    again = gateway(path, client)
    assert again.call(call(0)) == kept
    again.call(call(1))
    again.close()
    assert len(client.asked) == 3
    assert len(read_transcript(path)) == 2
    assert path.read_bytes().startswith(whole[: whole.index(b"\n") + 1])


def test_a_transcript_that_is_none_is_refused_with_its_line(tmp_path):
    path = tmp_path / "t.jsonl"
    with pytest.raises(InvalidInput, match=rf"cannot be read \({os.strerror(errno.ENOENT)}"):
        read_transcript(path)
    path.write_text('{"submission": 1}\n', encoding="utf-8")
    with pytest.raises(InvalidInput, match="line 1: is no entry of a transcript"):
        Transcript(path)


def test_a_transcript_that_cannot_be_written_is_told(tmp_path):
    with pytest.raises(ArenaError, match="the transcript cannot be written"):
        Transcript(tmp_path / "nowhere" / "t.jsonl")


def test_no_key_is_written_down_whatever_an_endpoint_says(tmp_path):
    key = "sk-secret"
    client = Client(LlmAnswer(f"it is {key}", f"m-{key}"), LlmFailure("server_error", f"bad key {key}", model=key))
    live = gateway(tmp_path / "t.jsonl", client, keys=(key,))
    told = [live.call(call(0)), live.call(call(1))]
    live.close()
    assert told[0].text == "it is [key]"
    assert told[1].message == "bad key [key]"
    assert key not in repr(told)
    assert key not in (tmp_path / "t.jsonl").read_text(encoding="utf-8")


def test_text_that_cannot_be_sent_and_numbers_that_are_none_do_no_harm(tmp_path):
    live = gateway(tmp_path / "t.jsonl", Client(LlmAnswer("\ud800", "a\nb\x1b[31m", -4, 2)))
    told = live.call(call())
    assert (told.text, told.model, told.prompt_tokens) == ("?", "a\\nb\\x1b[31m", 0)
    live.close()


@pytest.mark.parametrize(("length", "outcome"), [(LONGEST_ANSWER, "ok"), (LONGEST_ANSWER + 1, "too_large")])
def test_an_answer_has_a_largest_size(tmp_path, length, outcome):
    live = gateway(tmp_path / "t.jsonl", Client(LlmAnswer("x" * length, "m", 1, 2)))
    told = live.call(call())
    assert (told.outcome, told.completion_tokens, bool(told.text)) == (outcome, 2, outcome == "ok")
    live.close()


@pytest.mark.parametrize("budget", [LlmLimits(calls=2), LlmLimits(tokens=16)])
def test_a_run_ends_with_its_budget_and_goes_on_with_a_larger_one(tmp_path, budget):
    path = tmp_path / "t.jsonl"
    client = Client()
    for _ in range(2):
        live = gateway(path, client, limits=budget)
        for index in (0, 1):
            live.call(call(index))
        with pytest.raises(LlmUnavailable, match=r"mine has used up its budget of the run \(2 calls, 16 tokens\)"):
            live.call(call(2))
        live.close()
    assert len(client.asked) == 2
    live = gateway(path, client, limits=LlmLimits(calls=3, tokens=17))
    assert live.call(call(2)).outcome == "ok"
    live.close()


def test_a_call_that_is_under_way_is_waited_for_and_not_made_twice(tmp_path):
    asked, go = threading.Event(), threading.Event()

    class Slow(Client):
        def ask(self, question):
            asked.set()
            assert go.wait(10)
            return super().ask(question)

    client = Slow(LlmAnswer("one"), LlmAnswer("two"))
    live = gateway(tmp_path / "t.jsonl", client)
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(live.call, call(0))
        assert asked.wait(10)
        second = pool.submit(live.call, call(0))
        time.sleep(0.2)  # long enough for it to ask, if nothing held it back
        go.set()
        assert (first.result(10).text, second.result(10).text) == ("one", "one")
    assert len(client.asked) == 1
    live.close()


def test_an_endpoint_that_never_answers_is_given_up(tmp_path):
    failures = [LlmFailure("disconnected", "no")] * (IN_A_ROW - 1)
    client = Client(*failures, LlmAnswer("back"), *failures, LlmFailure("refused", "no"), *failures, failures[0])
    live = gateway(tmp_path / "t.jsonl", client)
    for index in range(3 * IN_A_ROW):
        live.call(call(index))
    with pytest.raises(LlmUnavailable, match="has not answered mine 20 times in a row, last: no; see to it"):
        live.call(call(10_000))
    assert live.call(call(0)).outcome == "disconnected"
    live.close()


def failed(kind, message="no", *, refused=None):
    failure = LlmFailure(kind, message)
    failure.refused = refused or {}
    return failure


def test_an_endpoint_that_accepts_no_question_is_given_up_with_its_reason(tmp_path):
    key = "sk-secret"
    client = Client(*[failed("bad_request", f"no credit for {key}")] * 3)
    live = gateway(tmp_path / "t.jsonl", client, keys=(key,), limits=LlmLimits(failures_in_a_row=3))
    for index in range(3):
        assert live.call(call(index)).outcome == "bad_request"
    with pytest.raises(LlmUnavailable, match=r"has not answered mine 3 times in a row, last: no credit for \[key\]"):
        live.call(call(3))
    live.close()


def test_failures_and_budgets_of_one_submission_are_not_those_of_another(tmp_path):
    clients = []

    def connect(endpoint, limits):
        clients.append(Client(*([] if clients else [LlmFailure("timeout", "late")] * 3)))
        return clients[-1]

    path = tmp_path / "t.jsonl"
    for _ in range(2):  # A second run into the same folder counts what the first one used.
        live = LiveGateway(Transcript(path), connect, limits=LlmLimits(failures_in_a_row=3, calls=4))
        for index in range(3):
            assert live.call(call(index, submission="failing")).outcome == "timeout"
        for index in range(4):
            assert live.call(call(index, submission="answered")).outcome == "ok"
        with pytest.raises(LlmUnavailable, match=r"answered has used up its budget of the run \(4 calls, 32 tokens\)"):
            live.call(call(4, submission="answered"))
        live.close()
    assert [len(client.asked) for client in clients] == [3, 4]
    live = LiveGateway(Transcript(path), connect, limits=LlmLimits(failures_in_a_row=3, calls=4))
    assert live.call(call(3, submission="failing")).outcome == "ok"
    with pytest.raises(LlmUnavailable, match=r"failing has used up its budget of the run \(4 calls, 8 tokens\)"):
        live.call(call(4, submission="failing"))
    live.close()


@pytest.mark.parametrize(
    ("limits", "reached"),
    [
        (LlmLimits(episode_calls=2), r"the episode has asked its 2 questions (--llm-episode-calls)"),
        (LlmLimits(episode_tokens=16), r"the episode has used 16 of its 16 tokens (--llm-episode-tokens)"),
    ],
)
def test_an_episode_is_stopped_at_its_limit_and_a_replay_at_the_same_question(tmp_path, limits, reached):
    path, client = tmp_path / "t.jsonl", Client()
    live = gateway(path, client, limits=limits.model_copy(update={"calls": 3}))
    for _ in range(2):
        told = [live.call(call(0, position)) for position in range(3)]
        assert [one.outcome for one in told] == ["ok", "ok", "budget"]
        assert told[2].message == reached
    assert len(client.asked) == 2
    assert live.call(call(1)).outcome == "ok", "another episode has its own limit, and a refusal is not a call"
    live.close()
    assert len(path.read_bytes().splitlines()) == 4
    entries = read_transcript(path)
    assert entries[call(0, 2).key].limits["calls"] == 3
    assert ReplayGateway(entries, "t").call(call(0, 2)) == told[2]
    raised = gateway(path, client, limits=LlmLimits(episode_calls=3, episode_tokens=17, calls=4))
    assert raised.call(call(0, 2)).outcome == "ok"
    raised.close()


def test_a_transcript_of_before_limits_were_written_down_is_replayed_with_those_of_its_run(tmp_path):
    path = tmp_path / "t.jsonl"
    live = gateway(path, Client())
    live.call(call(0, 0))
    live.close()
    line = json.loads(path.read_text(encoding="utf-8"))
    assert line.pop("limits") == LlmLimits().model_dump()
    assert line.pop("refused") == {}
    path.write_text(json.dumps(line) + "\n", encoding="utf-8")
    entries = read_transcript(path)
    assert ReplayGateway(entries, "t").call(call(0, 0)).outcome == "ok"
    with pytest.raises(LlmUnavailable, match="holds no question 2 of mine"):
        ReplayGateway(entries, "t").call(call(0, 1))
    replay = ReplayGateway(entries, "t", limits=LlmLimits(episode_calls=1))
    assert [replay.call(call(0, position)).outcome for position in (0, 1)] == ["ok", "budget"]


@pytest.mark.parametrize("kind", ["cut_off", "bad_request"])
def test_what_an_endpoint_refused_is_written_down_without_keys_and_replayed(tmp_path, kind):
    path, key = tmp_path / "t.jsonl", "sk-" + "0123456789" * 5
    reason = "x" * 290 + key  # cut first, half of the key would be left
    client = Client(failed(kind, reason, refused={"temperature": reason}))
    live = gateway(path, client, keys=(key,))
    told = live.call(call())
    live.close()
    assert told.outcome == kind
    assert told.message == told.refused["temperature"] == "x" * 290 + "[key]"
    assert "sk-" not in path.read_text(encoding="utf-8")
    assert ReplayGateway(read_transcript(path), "t").call(call()) == told


def test_what_went_wrong_is_summed_up_for_every_submission(tmp_path):
    path = tmp_path / "transcripts.jsonl"
    refused = {"temperature": "only 1", "max_completion_tokens": "unknown"}
    client = Client(
        LlmAnswer("one"),
        failed("timeout", "no reply"),
        failed("cut_off", "cut", refused=refused),
        failed("timeout", "no reply\nat all"),
        failed("bad_request", "not accepted", refused={"response_format": "a guess"}),
    )
    live = gateway(path, client, limits=LlmLimits(episode_calls=5))
    for position in range(6):
        live.call(call(0, position))
    live.call(call(1, submission="silent"))
    live.call(call(99, submission="played-before"))
    live.close()
    assert describe_failures(tmp_path / "nowhere", []) == []
    assert describe_failures(tmp_path, []) == []
    records = [
        SimpleNamespace(submission=name, scenario_digest="abc", commitment=None, seed_index=index)
        for name, index in (("silent", 1), ("mine", 0), ("played-before", 98))
    ]
    assert describe_failures(tmp_path, records) == [
        "mine: 4 of 5 questions to its language model have no answer (timeout 2, cut_off 1, bad_request 1); "
        "the last one: not accepted",
        "mine: 1 episode was refused further questions by a limit of the run; "
        "the last one: the episode has asked its 5 questions (--llm-episode-calls)",
        "mine: its endpoint was asked without temperature, which it refused: only 1",
        "mine: its endpoint was asked without max_completion_tokens (max_tokens was sent), which it refused: unknown",
    ]


def test_replay_plays_what_is_there_and_nothing_else(tmp_path):
    live = gateway(tmp_path / "t.jsonl", Client(LlmAnswer("one", "m", 5, 3)))
    first = live.call(call(0))
    live.close()
    copy = Transcript(tmp_path / "copy.jsonl")
    replay = ReplayGateway(read_transcript(tmp_path / "t.jsonl"), "t.jsonl", copy)
    assert replay.call(call(0)) == replay.call(call(0)) == first
    with pytest.raises(LlmUnavailable, match=r"t\.jsonl: holds no question 2 of mine, seed index 0"):
        replay.call(call(0, position=1))
    with pytest.raises(LlmUnavailable, match="is another one than is asked now"):
        replay.call(call(0, question=LlmQuestion((LlmMessage("user", "another?"),))))
    replay.close()
    assert (tmp_path / "copy.jsonl").read_bytes() == (tmp_path / "t.jsonl").read_bytes()


def test_a_worker_asks_over_a_pipe_and_is_told_what_went_wrong(tmp_path):
    live = gateway(tmp_path / "t.jsonl", Client(LlmAnswer("one")), limits=LlmLimits(calls=1))
    ours, theirs = multiprocessing.Pipe()
    thread = serve_calls(live, ours)
    relayed = RelayedGateway(theirs)
    assert relayed.call(call(0)).text == "one"
    with pytest.raises(LlmUnavailable, match="budget of the run"):
        relayed.call(call(1))
    theirs.close()
    thread.join(10)
    assert not thread.is_alive()
    with pytest.raises(LlmUnavailable, match="the gateway is gone"):
        relayed.call(call(2))
    live.close()


@pytest.mark.parametrize(
    ("messages", "schema", "complaint"),
    [
        ((), "", "a question has 1 to 32 messages, got 0"),
        ((LlmMessage("user", "x"),) * (MOST_MESSAGES + 1), "", "got 33"),
        ((LlmMessage("robot", "x"),), "", "one of the roles system, user, assistant"),
        ((LlmMessage("user", 7),), "", "and a text"),
        ((LlmMessage("user", "x" * LONGEST_QUESTION), LlmMessage("user", "x")), "", "at most 65536 characters"),
        ((LlmMessage("user", "\ud800"),), "", "a question is text"),
        ((LlmMessage("user", "x"),), "[", "its schema JSON"),
        ((LlmMessage("user", "x"),), "[1]", "is a JSON object"),
    ],
)
def test_what_is_no_question_is_refused(messages, schema, complaint):
    with pytest.raises(ValueError, match=complaint):
        LlmQuestion(messages, schema)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("base_url", "ftp://127.0.0.1/v1"),
        ("base_url", "https://user:password@127.0.0.1/v1"),
        ("base_url", "https://127.0.0.1/v1?key=sk-1"),
        ("key_variable", "sk-this-is-the-key-itself"),
        ("api_key", "sk-1"),
    ],
)
def test_an_endpoint_holds_an_address_and_the_name_of_a_variable(field, value):
    with pytest.raises(ValueError, match=field):
        LlmEndpoint(**{"base_url": "https://127.0.0.1/v1", "model": "m", field: value})


@pytest.mark.parametrize(
    ("field", "option"),
    [
        ("timeout", "--llm-timeout"),
        ("retries", "--llm-retries"),
        ("calls_per_episode", "--llm-episode-calls"),
        ("tokens_per_episode", "--llm-episode-tokens"),
    ],
)
def test_a_manifest_sets_no_limit_of_the_run(field, option):
    document = {"base_url": "https://127.0.0.1/v1", "model": "m"}
    assert parse_as(LlmEndpoint, document, "a.yaml").model == "m"
    with pytest.raises(InvalidInput) as caught:
        parse_as(LlmEndpoint, {**document, field: 1}, "a.yaml")
    (fault,) = caught.value.faults
    assert (fault.field, fault.value) == (field, 1)
    assert "is a limit of the run, which its organiser sets" in fault.rule
    assert fault.suggestion == f"remove it; an organiser writes arena evaluate {option}"


def test_limits_are_read_from_the_command_line():
    assert make_limits(calls=None, timeout=None) is None
    assert make_limits(calls=0, timeout=1.5, retries=None) == LlmLimits(calls=0, timeout=1.5)
    for option, value, complaint in (
        ("timeout", 0.0, "1 fault in --llm-timeout:\n  must be greater than 0"),
        ("retries", 11, "1 fault in --llm-retries:\n  must be 10 or less, got 11"),
        ("episode_calls", 0, "1 fault in --llm-episode-calls:\n  must be 1 or more, got 0"),
        ("tokens", -1, "1 fault in --llm-tokens:\n  must be 0 or more, got -1"),
    ):
        with pytest.raises(InvalidInput, match=complaint):
            make_limits(**{option: value})


def test_the_allow_list_is_read_from_the_command_line():
    access = make_access("live", ["https://api.openai.com/v1/=OPENAI_API_KEY", "http://127.0.0.1:8000/v1"])
    assert access.allowed == {"https://api.openai.com/v1": "OPENAI_API_KEY", "http://127.0.0.1:8000/v1": None}
    assert access.key_variables == ("OPENAI_API_KEY",)
    for endpoints, complaint in (
        (["api.openai.com"], "names no endpoint"),
        (["http://a/v1=A", "http://a/v1=B"], "stands there twice, with two variables"),
    ):
        with pytest.raises(InvalidInput, match=complaint):
            make_access("live", endpoints)
    with pytest.raises(UnknownName, match="unknown mode of --llm"):
        make_access("alive")


# --- from a controller to the gateway ---------------------------------------------------------------------------------

ASKING = """
def use_language_model(self, model):
    self.model = model
def begin(self, briefing):
    from arena import LlmMessage
    self.said = self.model.ask([LlmMessage("user", "how many?")], {"type": "object"}).text
def order(self, observation):
    from arena import LlmFailure, LlmMessage
    if observation.period == 3:
        try:
            self.model.ask([LlmMessage("user", "still?")])
        except LlmFailure as failure:
            self.said = str({"timeout": 7}[failure.kind])
    return np.full(3, float(self.said))
"""


class Answers:
    """A gateway that answers from a list."""

    def __init__(self, *outcomes):
        self.outcomes = list(outcomes)
        self.calls = []

    def call(self, call):
        self.calls.append(call)
        outcome = self.outcomes.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome


def seated(tmp_path, body, capabilities=("llm",)):
    submission = make_submission(tmp_path, body, capabilities=capabilities)
    return dataclasses.replace(submission, endpoint=ENDPOINT if "llm" in capabilities else None)


def episode(host_at, level, submission, answers, **limits):
    seed = PublicSeeds().episode(SCENARIO.digest, 4)
    return play(submission, SCENARIO, seed, host_at(level, **limits), Limits(**limits), gateway=answers)


@pytest.mark.parametrize("level", LEVELS)
def test_a_controller_asks_and_orders_by_the_answer(host_at, tmp_path, level):
    answers = Answers(LlmOutcome("ok", "11", "", "m", 5, 3, 0.25), LlmOutcome("timeout", message="sk-of-the-endpoint"))
    played = episode(host_at, level, seated(tmp_path, ASKING), answers)
    assert played.record.outcome == "ok", played.record.failure_message
    assert played.requested[:, 0].tolist() == [11.0] * 3 + [7.0] * 27
    assert [one.key for one in answers.calls] == [
        CallKey("mine", SCENARIO.digest, "public", 4, place) for place in (0, 1)
    ]
    assert json.loads(answers.calls[0].question.schema) == {"type": "object"}
    record = played.record
    assert (record.llm_calls, record.llm_failures, record.prompt_tokens, record.completion_tokens) == (2, 1, 5, 3)
    assert (record.llm_seconds, record.llm_model, record.llm_cost) == (0.25, "m", None)


@pytest.mark.parametrize("level", LEVELS)
def test_a_controller_can_tell_that_an_answer_was_cut_off(host_at, tmp_path, level):
    answers = Answers(LlmOutcome("ok", "11"), LlmOutcome("cut_off", message="cut at 400 tokens"))
    played = episode(host_at, level, seated(tmp_path, ASKING.replace("timeout", "cut_off")), answers)
    assert played.record.outcome == "ok", played.record.failure_message
    assert played.requested[3, 0] == 7.0
    assert (played.record.llm_calls, played.record.llm_failures) == (2, 1)


@pytest.mark.parametrize("level", LEVELS)
def test_a_gateway_that_cannot_answer_is_not_the_controllers_fault(host_at, tmp_path, level):
    with pytest.raises(InfrastructureFailure, match="the endpoint is gone"):
        episode(host_at, level, seated(tmp_path, ASKING), Answers(LlmUnavailable("the endpoint is gone")))


@pytest.mark.parametrize("level", LEVELS)
def test_a_controller_that_takes_no_model_is_told_what_to_have(host_at, tmp_path, level):
    record = episode(host_at, level, seated(tmp_path, ""), Answers()).record
    assert (record.outcome, record.failure_period) == ("exception", None)
    assert "Mine has no method use_language_model(model), which the capability llm asks for" in record.failure_message


def test_an_answer_is_waited_for_off_the_clock(host_at, tmp_path):
    class Slow(Answers):
        def call(self, call):
            time.sleep(1.5)
            return super().call(call)

    answers = Slow(LlmOutcome("ok", "11"), LlmOutcome("ok", "12"))
    record = episode(host_at, "process", seated(tmp_path, ASKING), answers, decision=1.0, bank=2.5).record
    assert (record.outcome, record.failure_message) == ("ok", "")


BUSY_MEANWHILE = """
def use_language_model(self, model):
    self.model = model
def begin(self, briefing):
    pass
def order(self, observation):
    import threading
    from arena import LlmMessage
    def spin():
        while not self.answered:
            pass
    self.answered = False
    thread = threading.Thread(target=spin)
    thread.start()
    self.model.ask([LlmMessage("user", "how many?")])
    self.answered = True
    thread.join()
    return np.full(3, 11.0)
"""


@pytest.mark.parametrize("level", [one for one in LEVELS if one != "trusted"])
def test_computing_while_a_model_answers_is_charged(host_at, tmp_path, level):
    class Slow(Answers):
        def call(self, call):
            time.sleep(4)
            return super().call(call)

    answers = Slow(*[LlmOutcome("ok", "11")] * 30)
    record = episode(
        host_at, level, seated(tmp_path, BUSY_MEANWHILE), answers, first_decision=1.0, decision=1.0, bank=30.0
    ).record
    assert (record.outcome, record.failure_period, record.llm_calls) == ("timeout", 0, 1)
    assert "of CPU time" in record.failure_message


FORGED = """
def begin(self, briefing):
    from arena.play.seats.wire import NO_PERIOD, QuestionReply, pack
    import gc
    from arena.play.seats.child import _Player
    player = next(one for one in gc.get_objects() if isinstance(one, _Player))
    question = QuestionReply(player._running.nonce, player._running.period, [("user", "psst")], "")
    player._connection.sendall(pack(question))
    player._connection.recv(10)
"""


def test_a_question_without_the_capability_is_a_protocol_error(host_at, tmp_path):
    record = episode(host_at, "process", seated(tmp_path, FORGED, capabilities=()), Answers()).record
    assert record.outcome == "protocol_error"
    assert "a language model was asked without the capability llm, during begin" in record.failure_message


FLOOD = """
def use_language_model(self, model):
    self.model = model
def order(self, observation):
    from arena import LlmFailure, LlmMessage
    while True:
        try:
            self.model.ask([LlmMessage("user", "more")])
        except LlmFailure:
            pass
"""


def test_a_flood_of_questions_ends_with_the_deadline_and_reaches_nobody(host_at, tmp_path):
    answers = Answers(LlmOutcome("ok", "1"), LlmOutcome("ok", "2"), LlmOutcome("budget"))
    record = episode(host_at, "process", seated(tmp_path, FLOOD), answers, first_decision=1.0).record
    assert (record.outcome, record.failure_period) == ("timeout", 0)
    assert (len(answers.calls), record.llm_calls, record.llm_failures) == (3, 2, 0)


REPORT = """
def use_language_model(self, model):
    pass
def report(self):
    from arena import ControllerReport
    return ControllerReport(1, None, 4, 3)
"""


def test_what_a_controller_reports_of_its_answers_stands_in_the_record(host_at, tmp_path):
    for level in LEVELS:
        place = tmp_path / level
        place.mkdir()
        record = episode(host_at, level, seated(place, REPORT), Answers()).record
        assert (record.outcome, record.fallbacks, record.parse_failures, record.repairs) == ("ok", 1, 4, 3)
        assert np.isfinite(record.profit)
