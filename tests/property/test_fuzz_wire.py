"""The host's decoder against random and mutated frames: a reply, or its one error; little memory, few words.

The default run looks at a few thousand streams; `-m slow` at a hundred thousand of the same kind.
"""

import itertools
import struct
import tracemalloc
from collections.abc import Callable
from typing import Final

import msgspec
import pytest
from hypothesis import given, settings, strategies as st

from arena.errors import MESSAGE_CAP
from arena.play.seats.base import LARGEST_REPLY, MOST_DIMENSIONS
from arena.play.seats.wire import (
    HEADER,
    NO_PERIOD,
    ClosedReply,
    CloseRequest,
    DoneReply,
    FailureReply,
    FrameReader,
    MalformedMessage,
    OrderReply,
    OrderRequest,
    QuestionReply,
    Reply,
    pack,
    unpack_reply,
)

CAP: Final = 4096
BYTES_PER_BYTE: Final = 100
"""Memory that decoding may take for every byte received: an empty list costs 56 and its place in another 8."""
WORKING_MEMORY: Final = 64 * 1024
"""Memory that decoding may take whatever was received: the reader, the decoder's stack, an exception."""

HONEST: Final = (
    DoneReply(1, NO_PERIOD),
    ClosedReply(4, NO_PERIOD, 0, None, 0, 2),
    ClosedReply(2**63 - 1, NO_PERIOD, 30, -1234.5, 0, 2),
    OrderReply(3, 7, [3], [1.0, 2.5, float("nan")]),
    OrderReply(3, 7, [2, 2], [0.0, -0.0, 5e-324, 1e308]),
    OrderReply(5, 29, [100], [float(value) for value in range(100)]),
    FailureReply(3, 7, "exception", "ValueError: no \x1b[31m\u202e"),
    OrderRequest(3, 7, "Observation", [7, [1.0, 2.5]]),
    CloseRequest(9, NO_PERIOD),
)
FRAMES: Final = tuple(pack(message) for message in HONEST)

TAGS: Final = ("done", "closed", "orders", "question", "failure", "setup", "", "profit")
NUMBERS: Final = (
    b"\xcb\x7f\xf8\x00\x00\x00\x00\x00\x00",  # No number,
    b"\xcb\xff\xf0\x00\x00\x00\x00\x00\x00",  # minus infinity,
    b"\xcf\xff\xff\xff\xff\xff\xff\xff\xff",  # and the ends of 64 bits.
    b"\xd3\x80\x00\x00\x00\x00\x00\x00\x00",
)
ODD_BYTES: Final = (
    b"\xc1",  # Stands for nothing in msgpack.
    b"\xdd\xff\xff\xff\xff",  # Four billion entries,
    b"\xdf\xff\xff\xff\xff",  # pairs,
    b"\xdb\xff\xff\xff\xff",  # letters,
    b"\xc6\xff\xff\xff\xff",  # and bytes are announced.
    b"\xc9\xff\xff\xff\xff\x01",  # An extension,
    b"\xd6\xff\x00\x00\x00\x00",  # and the one that is a time.
    b"\xd8\x05" + bytes(16),
    b"\xc4\x03abc",
    b"\xa2\xff\xfe",  # Text that is not UTF-8,
    b"\xa3\xed\xa0\x80",  # and half a surrogate pair.
    b"\x91" * 2000,
    b"\x81\xa1a" * 600,
)

values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats()
    | st.text(max_size=10)
    | st.binary(max_size=10)
    | st.sampled_from(TAGS)
    | st.builds(msgspec.msgpack.Ext, st.integers(-128, 127), st.binary(max_size=8)),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=8,
)
"""Whatever msgpack can say."""


def framed(payload: bytes) -> bytes:
    return HEADER.pack(len(payload)) + payload


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """An honest frame after some accidents; often its announced length is mended, so that they reach the decoder."""
    frame = bytearray(draw(st.sampled_from(FRAMES)))
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(frame)))
        stop = min(len(frame), start + draw(st.integers(0, 9)))
        accident = draw(st.sampled_from(("flip", "insert", "odd", "delete", "double", "splice", "truncate")))
        if accident == "flip" and start < len(frame):
            frame[start] ^= draw(st.integers(1, 255))
        elif accident == "insert":
            frame[start:start] = draw(st.binary(min_size=1, max_size=4))
        elif accident == "odd":
            frame[start:stop] = draw(st.sampled_from(ODD_BYTES + NUMBERS))
        elif accident == "delete":
            del frame[start:stop]
        elif accident == "double":
            frame[start:start] = frame[start:stop]
        elif accident == "splice":
            other = draw(st.sampled_from(FRAMES))
            frame[start:] = other[draw(st.integers(0, len(other))) :]
        elif accident == "truncate":
            del frame[start:]
    return framed(bytes(frame[4:])) if draw(st.booleans()) else bytes(frame)


streams = st.one_of(
    mutated(),
    mutated(),
    st.binary(max_size=64),
    st.binary(max_size=64).map(framed),
    values.map(msgspec.msgpack.encode).map(framed),
    st.tuples(st.sampled_from(TAGS), st.lists(values, max_size=6)).map(
        lambda parts: framed(msgspec.msgpack.encode([parts[0], *parts[1]]))
    ),
    st.builds(lambda length, rest: HEADER.pack(length) + rest, st.integers(0, 2**32 - 1), st.binary(max_size=16)),
)
"""What a child may send, as one run of bytes."""


def receive(stream: bytes, cuts: list[int]) -> Reply | None:
    """What the host makes of a stream that arrives in pieces; None while it would wait for more."""
    reader = FrameReader(CAP)
    edges = [0, *sorted({cut % (len(stream) + 1) for cut in cuts}), len(stream)]
    for start, stop in itertools.pairwise(edges):
        payload = reader.feed(stream[start:stop])
        if payload is not None:
            # As the host does: one reply is awaited, and what comes after it is found by the next request.
            return unpack_reply(payload)
    return None


def judge(stream: bytes, cuts: list[int]) -> None:
    tracemalloc.start()
    reply, complaint = None, ""
    try:
        reply = receive(stream, cuts)
    except MalformedMessage as error:
        complaint = str(error)
    finally:
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    announced = HEADER.unpack_from(stream)[0] if len(stream) >= HEADER.size else 0
    assert complaint or announced <= CAP
    assert len(complaint) <= MESSAGE_CAP
    assert complaint.isprintable()
    assert peak <= BYTES_PER_BYTE * len(stream) + WORKING_MEMORY
    if isinstance(reply, OrderReply):
        assert len(reply.values) <= LARGEST_REPLY
        assert len(reply.shape) <= MOST_DIMENSIONS
        assert all(type(value) is float for value in reply.values)
        assert all(type(size) is int and size >= 0 for size in reply.shape)
    elif isinstance(reply, FailureReply):
        assert len(reply.message) <= 4 * MESSAGE_CAP
    if reply is not None:
        assert type(reply) in (DoneReply, ClosedReply, OrderReply, QuestionReply, FailureReply)
        assert type(reply.nonce) is type(reply.period) is int
        # Nothing was made up: what was understood is what was sent.
        assert unpack_reply(pack(reply)[4:]).nonce == reply.nonce


def over_streams(examples: int) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Run a property over so many streams, each with places at which it is cut."""

    def decorate(test: Callable[..., None]) -> Callable[..., None]:
        cuts = st.lists(st.integers(0, CAP), max_size=3)
        return settings(max_examples=examples)(given(stream=streams, cuts=cuts)(test))

    return decorate


@over_streams(3_000)
def test_any_stream_is_a_reply_or_the_one_error(stream: bytes, cuts: list[int]) -> None:
    judge(stream, cuts)


@pytest.mark.slow
@over_streams(100_000)
def test_any_of_very_many_streams_is_a_reply_or_the_one_error(stream: bytes, cuts: list[int]) -> None:
    judge(stream, cuts)


@pytest.mark.parametrize("message", HONEST[:7], ids=lambda message: type(message).__name__)
def test_an_honest_frame_in_any_pieces_is_the_reply(message: Reply) -> None:
    frame = pack(message)
    for cut in range(len(frame)):
        # Compared as bytes: what is not a number equals nothing.
        assert pack(receive(frame, [cut])) == frame  # type: ignore[arg-type]


@pytest.mark.parametrize("odd", ODD_BYTES, ids=lambda odd: odd[:6].hex())
def test_odd_bytes_in_every_place_of_a_reply_are_the_one_error(odd: bytes) -> None:
    for place in range(5):
        parts = [msgspec.msgpack.encode(part) for part in ("orders", 3, 7, [1], [1.0])]
        parts[place] = odd
        with pytest.raises(MalformedMessage, match="not a message of this protocol"):
            receive(framed(b"\x95" + b"".join(parts)), [])


@pytest.mark.parametrize("number", NUMBERS, ids=lambda number: number.hex())
def test_odd_numbers_are_numbers(number: bytes) -> None:
    parts = [msgspec.msgpack.encode(part) for part in ("orders", 3, 7, [1])]
    reply = receive(framed(b"\x95" + b"".join(parts) + b"\x91" + number), [])
    assert isinstance(reply, OrderReply)
    assert struct.pack("<d", reply.values[0]) == struct.pack("<d", msgspec.msgpack.decode(number))
