"""The messages between a host and a controller's process, and how they are framed.

A frame is a length (4 bytes, little-endian) and that many bytes of msgpack. The host asks, the controller's process
answers: one reply per request, with the request's nonce and period. Only numbers and the short text of an error come
back; replies are decoded by schema, so that neither an unknown field, a deep nesting nor a huge announced length costs
the host more than the frame itself, which is capped before it is read.

A controller with the capability ``llm`` may ask a question before it replies. Its text is bounded, goes to the gateway
and to no place where it could be taken for anything but a question.
"""

from __future__ import annotations

import struct
from typing import Annotated, Any, TypeVar

import msgspec

from arena.contract.language_model import LONGEST_QUESTION, MOST_MESSAGES
from arena.errors import MESSAGE_CAP, FailureCode, printable
from arena.play.seats.base import LARGEST_REPLY, MOST_DIMENSIONS

_M = TypeVar("_M")

HEADER = struct.Struct("<I")
"""Length of the payload that follows."""

NO_PERIOD = -1
"""Period of the messages that belong to none: setup, begin and close."""

REQUEST_CAP = 64 * 1024 * 1024
"""Largest request a child reads. The host is trusted; the cap only keeps a damaged stream from being believed."""


class MalformedMessage(ValueError):  # noqa: N818 - named after what it reports
    """Bytes that are no message of this protocol, or too many of them."""


class Message(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True, gc=False):
    """What every message carries. Fields travel by position, led by the tag.

    Attributes:
        nonce: Random number of the request, repeated in its reply.
        period: Period of the decision, repeated in the reply; `NO_PERIOD` outside decisions.
    """

    nonce: Annotated[int, msgspec.Meta(ge=0)]
    period: int


class SetupRequest(Message, frozen=True, tag="setup"):
    """Import and construct the controller.

    Attributes:
        submission: What `arena.play.seats.translate` needs to build it: JSON-able, no code.
        language_model: Whether it is given a language model.
    """

    submission: dict[str, Any]
    language_model: bool


class BeginRequest(Message, frozen=True, tag="begin"):
    """Give the controller its briefing.

    Attributes:
        kind: Name of the briefing's class.
        briefing: Its fields; arrays as nested lists.
    """

    kind: str
    briefing: dict[str, Any]


class OrderRequest(Message, frozen=True, tag="order"):
    """Ask for the orders of one period.

    Attributes:
        kind: Name of the observation's class.
        fields: Values of its fields in the order of the class; arrays as nested lists.
    """

    kind: str
    fields: list[Any]


class AnswerRequest(Message, frozen=True, tag="answer"):
    """The answer to a question of the controller's; asks for nothing new, so it bears the running request's nonce.

    Attributes:
        outcome: ``ok``, or why there is no answer.
        text: The answer; what went wrong, in the arena's words, without one.
        model: The model that answered.
        prompt_tokens: Tokens asked.
        completion_tokens: Tokens answered.
    """

    outcome: str
    text: str
    model: str
    prompt_tokens: int
    completion_tokens: int


class CloseRequest(Message, frozen=True, tag="close"):
    """Ask for the report and end the episode."""


class DoneReply(Message, frozen=True, tag="done"):
    """Setup or begin went well."""


class ClosedReply(Message, frozen=True, tag="closed"):
    """Close went well; and the controller's report, as two numbers still to be checked.

    Attributes:
        fallbacks: Decisions answered by the controller's fallback.
        profit_bound: Upper bound of the episode's profit, money; None without one.
        parse_failures: Answers of a language model that the controller could not use.
        repairs: Of these, how many the model mended when it was asked to.
    """

    fallbacks: Annotated[int, msgspec.Meta(ge=0)]
    profit_bound: float | None
    parse_failures: Annotated[int, msgspec.Meta(ge=0)]
    repairs: Annotated[int, msgspec.Meta(ge=0)]


class OrderReply(Message, frozen=True, tag="orders"):
    """What the controller ordered, as numbers still to be checked.

    Attributes:
        shape: Shape of the array.
        values: Its entries in row-major order.
    """

    shape: Annotated[list[Annotated[int, msgspec.Meta(ge=0)]], msgspec.Meta(max_length=MOST_DIMENSIONS)]
    values: Annotated[list[float], msgspec.Meta(max_length=LARGEST_REPLY)]


_Role = Annotated[str, msgspec.Meta(max_length=16)]
_Text = Annotated[str, msgspec.Meta(max_length=LONGEST_QUESTION)]


class QuestionReply(Message, frozen=True, tag="question"):
    """No reply yet: the controller asks its language model, and goes on when it is answered.

    Attributes:
        messages: Pairs of role and content.
        schema: JSON schema of the answer as JSON text; empty for none.
    """

    messages: Annotated[list[tuple[_Role, _Text]], msgspec.Meta(max_length=MOST_MESSAGES)]
    schema: _Text


class FailureReply(Message, frozen=True, tag="failure"):
    """The controller raised, or returned no array of numbers, or no report.

    Attributes:
        code: Outcome code.
        message: What happened. The controller's own words: shortened, and to be made printable by the host.
    """

    code: FailureCode
    message: Annotated[str, msgspec.Meta(max_length=4 * MESSAGE_CAP)]


Request = SetupRequest | BeginRequest | OrderRequest | AnswerRequest | CloseRequest
Reply = DoneReply | ClosedReply | OrderReply | QuestionReply | FailureReply

_encoder = msgspec.msgpack.Encoder()
_requests: msgspec.msgpack.Decoder[Request] = msgspec.msgpack.Decoder(Request)
_replies: msgspec.msgpack.Decoder[Reply] = msgspec.msgpack.Decoder(Reply)


def pack(message: Request | Reply) -> bytes:
    """Encode a message as a frame."""
    payload = _encoder.encode(message)
    return HEADER.pack(len(payload)) + payload


def unpack_request(payload: bytes) -> Request:
    """Decode a request from the payload of a frame.

    Raises:
        MalformedMessage: The payload is no request.
    """
    return _decode(_requests, payload)


def unpack_reply(payload: bytes) -> Reply:
    """Decode a reply from the payload of a frame.

    Raises:
        MalformedMessage: The payload is no reply: not msgpack, or an unknown tag, field or type.
    """
    return _decode(_replies, payload)


def _decode(decoder: msgspec.msgpack.Decoder[_M], payload: bytes) -> _M:
    try:
        return decoder.decode(payload)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        complaint = printable(f"not a message of this protocol: {error}", MESSAGE_CAP)
    # The decoder's own error can quote the whole frame. It is not a context of this one, which somebody may keep.
    raise MalformedMessage(complaint)


class FrameReader:
    """Puts one frame together from chunks of bytes, and never holds more than its cap and one chunk.

    Args:
        cap: Largest payload that is read, in bytes.
    """

    def __init__(self, cap: int) -> None:
        self._cap = cap
        self._buffer = bytearray()

    def feed(self, chunk: bytes) -> bytes | None:
        """Take the next bytes of the stream.

        Returns:
            The payload of the frame once it is complete, else None.

        Raises:
            MalformedMessage: The frame announces more than the cap, or bytes follow it: there is one reply per request.
        """
        buffer = self._buffer
        buffer += chunk
        if len(buffer) < HEADER.size:
            return None
        (length,) = HEADER.unpack_from(buffer)
        if length > self._cap:
            raise MalformedMessage(f"a message of {length} bytes was announced; the cap is {self._cap}")
        missing = HEADER.size + length - len(buffer)
        if missing > 0:
            return None
        if missing < 0:
            raise MalformedMessage(f"{-missing} bytes follow the reply; there is one reply per request")
        payload = bytes(buffer[HEADER.size :])
        buffer.clear()
        return payload
