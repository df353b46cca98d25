"""The wire: what crosses unchanged, and what the host refuses to read."""

import math
import struct

import msgspec
import numpy as np
import pytest
from hypothesis import given, strategies as st

from arena.errors import MESSAGE_CAP
from arena.play.seats.wire import (
    NO_PERIOD,
    BeginRequest,
    ClosedReply,
    CloseRequest,
    DoneReply,
    FailureReply,
    FrameReader,
    MalformedMessage,
    OrderReply,
    OrderRequest,
    QuestionReply,
    SetupRequest,
    pack,
    unpack_reply,
    unpack_request,
)

CAP = 1024
REQUESTS = [
    SetupRequest(1, NO_PERIOD, {"name": "mine"}, True),
    BeginRequest(2, NO_PERIOD, "Briefing", {"horizon": 30}),
    OrderRequest(3, 7, "Observation", [7, [1.0, 2.5]]),
    CloseRequest(2**63 - 1, NO_PERIOD),
]
REPLIES = [
    DoneReply(1, NO_PERIOD),
    ClosedReply(4, NO_PERIOD, 0, None, 0, 2),
    ClosedReply(4, NO_PERIOD, 30, -1234.5, 0, 2),
    OrderReply(3, 7, [2], [1.0, 2.5]),
    QuestionReply(3, NO_PERIOD, [("user", "six numbers?")], "{}"),
    FailureReply(3, 7, "exception", "ValueError: no"),
]


def payload_of(message: object) -> bytes:
    return msgspec.msgpack.encode(message)


def framed(payload: bytes) -> bytes:
    return struct.pack("<I", len(payload)) + payload


def bare(*values: object) -> bytes:
    """Values without the array around them."""
    return b"".join(payload_of(value) for value in values)


def array_header(length: int) -> bytes:
    return bytes([0x90 | length])


DEEP = b"\x91" * 1_000_000
FOUR_BILLION_ITEMS = b"\xdd\xff\xff\xff\xff"
FOUR_BILLION_LETTERS = b"\xdb\xff\xff\xff\xff"


@pytest.mark.parametrize("message", REQUESTS, ids=lambda message: type(message).__name__)
def test_a_request_survives(message):
    assert unpack_request(FrameReader(CAP).feed(pack(message))) == message


@pytest.mark.parametrize("message", REPLIES, ids=lambda message: type(message).__name__)
def test_a_reply_survives(message):
    assert unpack_reply(FrameReader(CAP).feed(pack(message))) == message


@given(st.lists(st.floats(width=64), max_size=50))
def test_float64_values_survive_bit_for_bit(values):
    received = unpack_reply(pack(OrderReply(1, 0, [len(values)], values))[4:]).values
    assert np.array(received).tobytes() == np.array(values, dtype=np.float64).tobytes()


@pytest.mark.parametrize("value", [-0.0, 5e-324, 1e308, math.inf, -math.inf, math.nan])
def test_strange_floats_survive(value):
    (received,) = unpack_reply(pack(OrderReply(1, 0, [1], [value]))[4:]).values
    assert struct.pack("<d", received) == struct.pack("<d", value)


def test_integers_are_numbers():
    assert unpack_reply(payload_of(["orders", 1, 0, [2], [3, -4]])).values == [3.0, -4.0]


#: A reply of each kind, as its fields.
WELL_FORMED = {
    "orders": ["orders", 1, 0, [1], [1.0]],
    "done": ["done", 1, -1],
    "closed": ["closed", 1, -1, 0, None, 0, 0],
    "question": ["question", 1, -1, [["user", "x"]], ""],
    "failure": ["failure", 1, 0, "exception", ""],
}
REFUSED = "^not a message of this protocol: ."


@pytest.mark.parametrize("fields", WELL_FORMED.values(), ids=WELL_FORMED)
def test_a_reply_within_the_schema_is_read(fields):
    assert payload_of(unpack_reply(payload_of(fields))) == payload_of(fields)


@pytest.mark.parametrize(
    "fields",
    [
        ["orders", 1, 0, [1], [1.0], {"profit": 1e9}],
        ["orders", 1, 0, [1]],
        ["orders", 1, 0, [1], [True]],
        ["orders", 1, 0, [1], ["1"]],
        ["orders", 1, 0, [1], [None]],
        ["orders", 1, 0, [1], [[1.0]]],
        ["orders", 1, 0, [-1], [1.0]],
        ["orders", 1, 0, [1] * 9, [1.0]],
        ["orders", -1, 0, [1], [1.0]],
        ["orders", "1", 0, [1], [1.0]],
        ["done", 1, -1, 0],
        ["closed", 1, -1],
        ["closed", 1, -1, 0],
        ["closed", 1, -1, 0, None],
        ["closed", 1, -1, 0, None, 0, 0, 1e9],
        ["closed", 1, -1, 0, None, 0, 0, {"score": 1.0}],
        ["closed", 1, -1, 0, None, -1, 0],
        ["closed", 1, -1, 0, None, 0, True],
        ["question", 1, -1, [["user"]], ""],
        ["question", 1, -1, [["user", 7]], ""],
        ["question", 1, -1, [["user", "x"]] * 33, ""],
        ["question", 1, -1, [["user", "x" * 70_000]], ""],
        ["question", 1, -1, [["user", "x"]], {}],
        ["closed", 1, -1, -1, None, 0, 0],
        ["closed", 1, -1, True, None, 0, 0],
        ["closed", 1, -1, 1.5, None, 0, 0],
        ["closed", 1, -1, None, None, 0, 0],
        ["closed", 1, -1, "3", None, 0, 0],
        ["closed", 1, -1, 0, True, 0, 0],
        ["closed", 1, -1, 0, "1e9", 0, 0],
        ["closed", 1, -1, 0, [1e9], 0, 0],
        ["profit", 1, -1],
        ["failure", 1, 0, "infrastructure", ""],
        ["failure", 1, 0, "ok", ""],
        ["failure", 1, 0, "exception", "x" * 5000],
        ["setup", 1, -1, {}],
        {"type": "done", "nonce": 1, "period": -1},
        None,
        msgspec.msgpack.Ext(1, b"cos\nsystem\n"),
    ],
)
def test_a_reply_outside_the_schema_is_refused(fields):
    """Each differs from a reply that is read in one field or in the number of fields, which is therefore the reason."""
    if isinstance(fields, list) and fields[0] in WELL_FORMED:
        sound = WELL_FORMED[fields[0]]
        differing = [one for one, other in zip(fields, sound, strict=False) if repr(one) != repr(other)]
        assert len(differing) == (len(fields) == len(sound))
    with pytest.raises(MalformedMessage, match=REFUSED):
        unpack_reply(payload_of(fields))


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        DEEP,
        array_header(5) + bare("orders", 1, 0) + DEEP,
        array_header(6) + bare("orders", 1, 0, [], []) + DEEP,
        FOUR_BILLION_ITEMS,
        array_header(5) + bare("orders", 1, 0, []) + FOUR_BILLION_ITEMS,
        array_header(5) + bare("failure", 1, 0, "exception") + FOUR_BILLION_LETTERS,
        array_header(5) + bare("failure", 1, 0, "exception") + b"\xa2\xff\xff",
        payload_of(DoneReply(1, 0)) + b"\x00",
        array_header(7) + bare("closed", 1, -1, 0) + DEEP,
        array_header(7) + bare("closed", 1, -1) + FOUR_BILLION_ITEMS,
        b"\x80\x04\x95cos\nsystem\n.",
        bytes(range(256)),
    ],
    ids=[
        "nothing",
        "deep nesting as tag",
        "deep nesting as field",
        "deep nesting as an extra",
        "four billion fields",
        "four billion values",
        "four billion letters",
        "no text",
        "something behind",
        "a deep bound",
        "four billion fallbacks",
        "a pickle",
        "noise",
    ],
)
def test_hostile_bytes_cost_an_error_and_nothing_else(payload):
    with pytest.raises(MalformedMessage, match=REFUSED):
        unpack_reply(payload)


@pytest.mark.parametrize(
    "fields", [["\x1b" + "a" * 1_000_000, 1, -1], ["failure", 1, 0, "b" * 1_000_000, ""]], ids=["tag", "code"]
)
def test_a_complaint_does_not_hold_the_frame(fields):
    with pytest.raises(MalformedMessage, match=REFUSED) as caught:
        unpack_reply(payload_of(fields))
    assert len(str(caught.value)) == MESSAGE_CAP
    assert str(caught.value).isprintable()
    assert caught.value.__context__ is None


@given(st.binary(max_size=200))
def test_any_bytes_are_a_reply_or_refused(payload):
    try:
        reply = unpack_reply(payload)
    except MalformedMessage:
        return
    assert isinstance(reply, DoneReply | ClosedReply | OrderReply | QuestionReply | FailureReply)


PLAIN = st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats() | st.text(max_size=5)


@given(st.lists(PLAIN | st.lists(PLAIN, max_size=2), max_size=6) | st.tuples(*[st.integers(-2, 99) | PLAIN] * 4))
def test_a_report_is_counts_and_one_number_or_refused(fields):
    """Whatever is sent behind the tag: what is read holds three counts, a bound or None, and nothing else."""
    try:
        reply = unpack_reply(payload_of(["closed", 1, NO_PERIOD, *fields]))
    except MalformedMessage:
        return
    fallbacks, bound, *others = fields
    for told, read in zip((fallbacks, *others), (reply.fallbacks, reply.parse_failures, reply.repairs), strict=True):
        assert type(told) is int
        assert read == told >= 0
    assert reply.profit_bound is None if bound is None else type(reply.profit_bound) is float
    assert not isinstance(bound, bool)


@pytest.mark.parametrize("number", [0.0, 5e-324, -1e308, math.inf, math.nan, 7])
def test_a_bound_crosses_as_a_float(number):
    """What is not finite crosses too: telling so is left to the code that reads reports at every level."""
    bound = unpack_reply(payload_of(["closed", 1, NO_PERIOD, 0, number, 0, 0])).profit_bound
    assert struct.pack("<d", bound) == struct.pack("<d", number)


def test_a_frame_may_come_in_pieces():
    reader = FrameReader(CAP)
    frame = pack(REPLIES[1])
    pieces = [reader.feed(frame[place : place + 1]) for place in range(len(frame))]
    assert pieces[:-1] == [None] * (len(frame) - 1)
    assert unpack_reply(pieces[-1]) == REPLIES[1]


def test_frames_follow_one_another():
    reader = FrameReader(CAP)
    assert [unpack_reply(reader.feed(pack(reply))) for reply in REPLIES] == REPLIES


def test_a_frame_of_the_cap_is_read():
    assert FrameReader(CAP).feed(framed(b"x" * CAP)) == b"x" * CAP


@pytest.mark.parametrize("length", [CAP + 1, 2**32 - 1])
def test_a_longer_frame_is_refused_at_its_first_four_bytes(length):
    with pytest.raises(MalformedMessage, match=f"message of {length} bytes was announced; the cap is {CAP}"):
        FrameReader(CAP).feed(struct.pack("<I", length))


def test_bytes_behind_the_reply_are_refused():
    with pytest.raises(MalformedMessage, match="there is one reply per request"):
        FrameReader(CAP).feed(pack(REPLIES[0]) + pack(REPLIES[0]))
