"""The client, over real HTTP on loopback and through the real openai package."""

import json
import socket

import pytest
from model_endpoint import GOOD, KEY, QUICK, body, break_off, dribble, hang_up, late, say, serving, status

from arena import LlmFailure, LlmUnavailable
from arena_llm.client import LARGEST_REPLY, OpenAIClient


def ask(endpoint, question, key=None, limits=None, **fields):
    client = OpenAIClient(endpoint.describe(**fields), key, limited(**(limits or {})))
    try:
        return client.ask(question)
    finally:
        client.close()


def limited(**limits):
    return QUICK.model_copy(update=limits)


def failure(endpoint, question, **fields):
    with pytest.raises(LlmFailure) as caught:
        ask(endpoint, question, **fields)
    return caught.value


def test_a_good_answer_comes_with_its_model_and_tokens(endpoint, question):
    answer = ask(endpoint, question)
    assert json.loads(answer.text) == GOOD
    assert (answer.model, answer.prompt_tokens, answer.completion_tokens) == ("test-model-2", 11, 7)


def test_a_request_holds_the_question_and_the_sampling_and_nothing_else(endpoint, question):
    ask(endpoint, question, temperature=0.5, seed=7, max_tokens=50)
    assert endpoint.requests == [
        {
            "model": "test-model",
            "messages": [{"role": "system", "content": "be brief"}, {"role": "user", "content": "six numbers?"}],
            "temperature": 0.5,
            "seed": 7,
            "max_completion_tokens": 50,
            "response_format": {
                "type": "json_schema",
                "json_schema": {"name": "answer", "strict": True, "schema": json.loads(question.schema)},
            },
        }
    ]


def test_what_the_manifest_leaves_open_is_not_sent(endpoint, question):
    ask(endpoint, question, temperature=None, structured="plain")
    assert set(endpoint.requests[0]) == {"model", "messages", "max_completion_tokens"}


def test_an_endpoint_without_schemas_is_asked_plainly_and_not_offered_one_again(endpoint, question):
    def script(number):
        structured = "response_format" in endpoint.requests[number]
        return status(400, message="response_format is not supported") if structured else say(json.dumps(GOOD))

    endpoint.script = script
    client = OpenAIClient(endpoint.describe(), None, QUICK)
    assert [json.loads(client.ask(question).text) for _ in range(2)] == [GOOD, GOOD]
    client.close()
    assert ["response_format" in request for request in endpoint.requests] == [True, False, False]


def test_where_a_schema_is_demanded_its_refusal_is_a_failure(endpoint, question):
    endpoint.script = lambda number: status(400)
    assert failure(endpoint, question, structured="schema").kind == "bad_request"
    assert len(endpoint.requests) == 1


NO_TEMPERATURE = {
    "message": "Unsupported value: 'temperature' does not support 0 with this model. Only the default (1) is.",
    "type": "invalid_request_error",
    "param": "temperature",
    "code": "unsupported_value",
}


def refusing(endpoint, *refusals):
    """Let the endpoint refuse parameters: pairs of a parameter and the error it is refused with, (status, fields)."""

    def script(number):
        for parameter, (code, fields) in refusals:
            if parameter in endpoint.requests[number]:
                return status(code, **fields)
        return say(json.dumps(GOOD))

    endpoint.script = script


def ask_twice(endpoint, question, **fields):
    client = OpenAIClient(endpoint.describe(**fields), None, QUICK)
    answers = [client.ask(question) for _ in range(2)]
    client.close()
    return answers


@pytest.mark.parametrize(
    ("parameter", "code", "fields"),
    [
        ("temperature", 400, NO_TEMPERATURE),
        ("temperature", 422, {"message": "temperature: extra inputs are not permitted"}),
        ("seed", 400, {"message": "Unrecognized request argument supplied: seed", "param": None}),
        ("response_format", 400, {"message": "json_schema is not supported"}),
        ("response_format", 400, {"message": "invalid schema", "param": "response_format.json_schema.schema"}),
        ("max_completion_tokens", 400, {"message": "Unrecognized argument max_completion_tokens", "param": ""}),
    ],
)
def test_a_parameter_that_is_refused_is_left_out_and_the_reason_kept(endpoint, question, parameter, code, fields):
    refusing(endpoint, (parameter, (code, fields)))
    answers = ask_twice(endpoint, question, seed=7)
    assert [json.loads(answer.text) for answer in answers] == [GOOD, GOOD]
    assert [dict(answer.refused) for answer in answers] == [{parameter: f"status {code}: {fields['message']}"}] * 2
    assert [parameter in request for request in endpoint.requests] == [True, False, False]
    asked, again, later = endpoint.requests
    assert again == later
    del asked[parameter]
    if parameter == "max_completion_tokens":
        asked["max_tokens"] = 400
    assert again == asked


def test_several_parameters_are_refused_one_after_the_other(endpoint, question):
    refusing(
        endpoint,
        ("temperature", (400, NO_TEMPERATURE)),
        ("max_completion_tokens", (400, {"message": "no", "param": "max_completion_tokens"})),
        ("response_format", (400, {"message": "not here"})),
    )
    answers = ask_twice(endpoint, question)
    assert len(endpoint.requests) == 4 + 1
    assert set(answers[0].refused) == {"temperature", "max_completion_tokens", "response_format"}
    assert set(endpoint.requests[-1]) == {"model", "messages", "max_tokens"}


@pytest.mark.parametrize(
    "fields",
    [
        {"message": "messages[0]: the temperature of this question is too high", "param": "messages"},
        {"message": "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens'.", "param": "max_tokens"},
    ],
)
def test_an_error_about_anything_else_is_a_failure_with_its_reason(endpoint, question, fields):
    endpoint.script = lambda number: status(400, **fields)
    refused = failure(endpoint, question)
    assert (refused.kind, refused.message) == ("bad_request", f"status 400: {fields['message']}")
    assert len(endpoint.requests) == 1


def test_a_parameter_is_remembered_only_if_the_question_was_accepted_without_it(endpoint, question):
    endpoint.script = lambda number: status(400, message="too long") if number < 2 else say(json.dumps(GOOD))
    client = OpenAIClient(endpoint.describe(), None, QUICK)
    with pytest.raises(LlmFailure, match="bad_request: status 400: too long"):
        client.ask(question)
    assert client.ask(question).refused == {}
    client.close()
    assert ["response_format" in request for request in endpoint.requests] == [True, False, True]


@pytest.mark.parametrize("code", [404, 429, 503])
def test_every_error_keeps_its_reason(endpoint, question, code):
    endpoint.script = lambda number: status(code, message="you have no credit left")
    assert failure(endpoint, question).message == f"status {code}: you have no credit left"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b'{"error": "no such model"}', "no such model"),
        (b'{"detail": [{"msg": "unknown field"}]}', '{"detail": [{"msg": "unknown field"}]}'),
        (b"plain text", "plain text"),
    ],
)
def test_a_reason_is_found_in_errors_of_other_forms(endpoint, question, content, reason):
    endpoint.script = lambda number: lambda handler: handler.write(400, content)
    assert failure(endpoint, question, structured="plain").message == f"status 400: {reason}"


def test_an_error_without_a_body_tells_its_status(endpoint, question):
    endpoint.script = lambda number: lambda handler: handler.write(400, b"")
    assert failure(endpoint, question, structured="plain").message == "status 400"


@pytest.mark.parametrize("content", [json.dumps(GOOD)[:30], "", None])
def test_an_answer_that_was_cut_off_is_told_from_a_malformed_one(endpoint, question, content):
    endpoint.script = lambda number: say(content, finish="length")
    cut = failure(endpoint, question, max_tokens=50)
    assert cut.kind == "cut_off"
    assert cut.message == "the answer was cut off at 50 tokens; raise max_tokens of the endpoint in the manifest"
    assert (cut.prompt_tokens, cut.completion_tokens, cut.model) == (11, 7, "test-model-2")
    assert len(endpoint.requests) == 1


def test_a_busy_endpoint_is_asked_again(endpoint, question):
    endpoint.script = lambda number: status(429, ("Retry-After", "0.01")) if number == 0 else say("later")
    assert ask(endpoint, question, limits={"retries": 2}).text == "later"
    assert len(endpoint.requests) == 2


@pytest.mark.parametrize(
    ("behaviour", "kind"),
    [
        (status(429), "rate_limited"),
        (status(500), "server_error"),
        (status(503), "server_error"),
        (status(404), "bad_request"),
        (hang_up, "disconnected"),
        (break_off, "disconnected"),
        (body(b"<html>"), "bad_reply"),
        (body(b"[]"), "bad_reply"),
        (body(b'{"choices": []}'), "bad_reply"),
        (body(b'{"choices": [{"message": "hello"}]}'), "bad_reply"),
        (body(b"[" * 100_000), "bad_reply"),
        (say(["a", "list"]), "bad_reply"),
        (say(None, refusal="I must not"), "refused"),
        (body(b" " * (LARGEST_REPLY + 1)), "too_large"),
    ],
)
def test_every_failure_has_its_kind(endpoint, question, behaviour, kind):
    endpoint.script = lambda number: behaviour
    assert failure(endpoint, question).kind == kind


def test_a_reply_that_breaks_off_is_asked_for_again(endpoint, question):
    endpoint.script = lambda number: break_off if number == 0 else say("whole")
    assert ask(endpoint, question, limits={"retries": 1}).text == "whole"


def test_attempts_end_with_the_retries(endpoint, question):
    endpoint.script = lambda number: break_off
    assert failure(endpoint, question, limits={"retries": 1}).kind == "disconnected"
    assert len(endpoint.requests) == 2


def test_a_slow_endpoint_times_out(endpoint, question):
    endpoint.script = lambda number: late(5.0, say("too late"))
    assert failure(endpoint, question, limits={"timeout": 0.2}).kind == "timeout"


def test_a_reply_that_never_ends_times_out(endpoint, question):
    endpoint.script = lambda number: dribble
    assert failure(endpoint, question, limits={"timeout": 0.3}).kind == "timeout"


def test_an_empty_answer_is_an_answer(endpoint, question):
    endpoint.script = lambda number: say(None)
    assert ask(endpoint, question).text == ""


def test_a_refusal_tells_its_tokens(endpoint, question):
    endpoint.script = lambda number: say(None, refusal="no")
    refused = failure(endpoint, question)
    assert (refused.prompt_tokens, refused.completion_tokens, refused.model) == (11, 7, "test-model-2")


def test_a_key_is_sent_and_a_wrong_one_makes_the_model_unavailable(endpoint, question):
    endpoint.key = KEY
    assert ask(endpoint, question, key=KEY, key_variable="MINE").text
    with pytest.raises(LlmUnavailable, match=r"does not accept the key \(status 401\); check the variable MINE"):
        ask(endpoint, question, key="sk-wrong", key_variable="MINE")


def test_without_a_key_none_is_taken_from_the_environment(endpoint, question, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-somebody-else")
    monkeypatch.setenv("OPENAI_ORG_ID", "org-of-somebody-else")
    monkeypatch.setenv("OPENAI_PROJECT_ID", "project-of-somebody-else")
    ask(endpoint, question)
    assert "somebody-else" not in json.dumps(endpoint.headers)


def test_an_endpoint_that_points_elsewhere_is_not_followed(endpoint, question):
    with serving() as elsewhere:
        endpoint.script = lambda number: status(307, ("Location", elsewhere.url + "/chat/completions"))
        assert failure(endpoint, question).kind == "bad_request"
        assert elsewhere.requests == []


def test_a_probe_asks_no_question(endpoint):
    client = OpenAIClient(endpoint.describe(), None, QUICK)
    client.probe()
    client.close()
    assert (endpoint.probes, endpoint.requests) == (1, [])


def test_a_probe_finds_a_key_that_is_not_accepted(endpoint):
    endpoint.key = KEY
    client = OpenAIClient(endpoint.describe(key_variable="MINE"), "sk-wrong", QUICK)
    with pytest.raises(LlmUnavailable, match="does not accept the key"):
        client.probe()
    client.close()


def test_a_probe_finds_that_nobody_is_there(endpoint):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/v1"
        client = OpenAIClient(endpoint.describe(base_url=url), None, QUICK)
        with pytest.raises(LlmUnavailable, match="does not answer"):
            client.probe()
        client.close()
