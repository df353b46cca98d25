"""What an evaluation grants submissions that need a language model: nothing, a transcript, or endpoints it allows.

A manifest is a stranger's. It names an address and the variable of a key; which address is spoken to, and which key is
sent there, is decided by whoever runs the arena.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, NamedTuple, get_args

from arena.contract.language_model import LlmClient, LlmEndpoint, LlmLimits, LlmUnavailable
from arena.entry.loading import Unavailable
from arena.entry.submission import Submission
from arena.errors import ArenaError, Fault, InvalidInput, unknown_name
from arena.llm.gateway import LiveGateway, ReplayGateway
from arena.llm.transcript import Transcript, read_transcript
from arena.plugins import load_llm_client
from arena.results.folder import TRANSCRIPT_NAME
from arena.schemas import parse_as

LlmMode = Literal["live", "replay", "off"]
"""live: endpoints are asked; replay: answers come from a transcript; off: there is no language model."""

_HOW = "play with --llm live and --llm-endpoint, or with --llm replay"
_REASON = "needs a language model"


@dataclass(frozen=True)
class LlmAccess:
    """What is granted.

    Attributes:
        mode: where answers come from.
        allowed: the allow-list: by base URL, the environment variable of the key that may be sent there; None for none.
        transcript: what is replayed; None for the transcript of the folder of results.
        limits: of the run. None: the defaults; in a replay, the transcript says where an episode was stopped.
        trust: packages of strangers whose clients may speak to endpoints from this process, as for `discover`.
    """

    mode: LlmMode = "off"
    allowed: Mapping[str, str | None] = field(default_factory=dict)
    transcript: Path | None = None
    limits: LlmLimits | None = None
    trust: Sequence[str] = ()

    @property
    def key_variables(self) -> tuple[str, ...]:
        """Variables that hold keys; no other process needs them."""
        return tuple(dict.fromkeys(name for name in self.allowed.values() if name))


def make_access(
    mode: str,
    endpoints: Sequence[str] = (),
    transcript: Path | None = None,
    limits: LlmLimits | None = None,
    trust: Sequence[str] = (),
) -> LlmAccess:
    """Read what the command line grants.

    Args:
        mode: `live`, `replay` or `off`.
        endpoints: the allow-list, each `URL` or `URL=VARIABLE`.
        transcript: what is replayed.
        limits: of the run; see `LlmAccess`.
        trust: packages of strangers whose clients may be used.

    Raises:
        UnknownName: there is no such mode.
        InvalidInput: an endpoint is no address, or stands there twice with two variables.
    """
    for known in get_args(LlmMode):
        if known == mode:
            return LlmAccess(known, _parse_allowed(endpoints), transcript, limits, tuple(trust))
    raise unknown_name("mode of --llm", mode, get_args(LlmMode))


def make_limits(**options: float | None) -> LlmLimits | None:
    """Read the limits that the command line sets.

    Args:
        options: fields of `LlmLimits`; None for one that is not set.

    Returns:
        The limits, with defaults for what is not set; None if nothing is.

    Raises:
        InvalidInput: a number is out of its range; the faults name the options.
    """
    given = {name: value for name, value in options.items() if value is not None}
    if not given:
        return None
    try:
        return parse_as(LlmLimits, given, "")
    except InvalidInput as error:
        faults = [fault._replace(source=f"--llm-{fault.field.replace('_', '-')}", field="") for fault in error.faults]
        raise InvalidInput(faults) from None


def _parse_allowed(endpoints: Sequence[str]) -> dict[str, str | None]:
    allowed: dict[str, str | None] = {}
    for text in endpoints:
        url, _, variable = text.strip().rpartition("=") if "=" in text else (text.strip(), "", "")
        try:
            endpoint = LlmEndpoint(base_url=url, model="any", key_variable=variable or None)
        except ValueError:
            fix = "write URL or URL=VARIABLE, as in https://api.openai.com/v1=OPENAI_API_KEY"
            raise InvalidInput([Fault("--llm-endpoint", "", text, "names no endpoint", fix)]) from None
        if allowed.get(endpoint.base_url, endpoint.key_variable) != endpoint.key_variable:
            rule = "this address stands there twice, with two variables"
            raise InvalidInput([Fault("--llm-endpoint", "", text, rule, "name it once")])
        allowed[endpoint.base_url] = endpoint.key_variable
    return allowed


class Split(NamedTuple):
    """Submissions, told apart by whether they have the language model that they need.

    Attributes:
        playing: those that can play.
        unavailable: those that cannot, with the reason.
    """

    playing: tuple[Submission, ...]
    unavailable: tuple[Unavailable, ...]


def split_playable(submissions: Sequence[Submission], access: LlmAccess, output: Path, *, probe: bool = True) -> Split:
    """Tell who can play from who lacks a language model.

    Args:
        submissions: all of them; one without the capability `llm` can play.
        access: what is granted.
        output: folder of results.
        probe: whether endpoints are spoken to, at no cost, to see that they are there and take the key.

    Raises:
        InvalidInput: the transcript to replay cannot be read.
    """
    asked: dict[LlmEndpoint, str] = {}
    replayable: set[str] | None = None
    playing: list[Submission] = []
    unavailable: list[Unavailable] = []
    for submission in submissions:
        endpoint = submission.endpoint
        reason = ""
        if endpoint is None:
            pass
        elif access.mode == "off":
            reason = _HOW
        elif access.mode == "replay":
            if replayable is None:
                replayable = {key.submission for key in read_transcript(replayed_from(access, output))}
            if submission.name not in replayable:
                reason = f"{replayed_from(access, output)} holds no call of it; play it with --llm live first"
        else:
            if endpoint not in asked:
                asked[endpoint] = _refusal(endpoint, access, probe)
            reason = asked[endpoint]
        if reason:
            unavailable.append(Unavailable(submission.name, submission.path, submission.controller, reason, _REASON))
        else:
            playing.append(submission)
    return Split(tuple(playing), tuple(unavailable))


def _refusal(endpoint: LlmEndpoint, access: LlmAccess, probe: bool) -> str:
    """Why an endpoint is not spoken to, and what to do about it; empty if it is."""
    named = endpoint.base_url + (f"={endpoint.key_variable}" if endpoint.key_variable else "")
    if endpoint.base_url not in access.allowed:
        return f"its endpoint is not on the allow-list; to allow it: --llm-endpoint {named}"
    if access.allowed[endpoint.base_url] != endpoint.key_variable:
        granted = access.allowed[endpoint.base_url] or "no key"
        return f"it asks for {endpoint.key_variable or 'no key'} at {endpoint.base_url}, the allow-list gives {granted}"
    if endpoint.key_variable and not os.environ.get(endpoint.key_variable):
        return f"the variable {endpoint.key_variable} of its key is not set"
    keys = _keys(access)
    try:
        client = _connect(endpoint, keys, access.limits or LlmLimits(), access.trust)
    except ArenaError as error:
        return str(error)
    try:
        if probe:
            client.probe()
    except LlmUnavailable as error:
        return _without(str(error), keys.values())
    finally:
        client.close()
    return ""


def replayed_from(access: LlmAccess, output: Path) -> Path:
    """The transcript that a replay plays from."""
    return access.transcript or output / TRANSCRIPT_NAME


@contextlib.contextmanager
def open_gateway(
    submissions: Sequence[Submission], access: LlmAccess, output: Path
) -> Iterator[LiveGateway | ReplayGateway | None]:
    """Open the gateway of an evaluation; None when nobody needs one.

    Raises:
        InvalidInput: somebody needs a language model and has none.
        ArenaError: the transcript cannot be opened.
    """
    if not any(submission.endpoint for submission in submissions):
        yield None
        return
    missing = split_playable(submissions, access, output, probe=False).unavailable
    if missing:
        raise InvalidInput([one.as_fault() for one in missing])
    gateway: LiveGateway | ReplayGateway
    if access.mode == "live":
        transcript = Transcript(output / TRANSCRIPT_NAME)
        # Read now: they leave the environment while workers are started.
        keys = _keys(access)
        gateway = LiveGateway(
            transcript,
            lambda endpoint, limits: _connect(endpoint, keys, limits, access.trust),
            keys=tuple(keys.values()),
            limits=access.limits,
        )
    else:
        source = replayed_from(access, output)
        entries = read_transcript(source)
        own = output / TRANSCRIPT_NAME
        copy = None if own.exists() and own.samefile(source) else Transcript(own)
        gateway = ReplayGateway(entries, str(source), copy, access.limits)
    try:
        yield gateway
    finally:
        gateway.close()


def _connect(endpoint: LlmEndpoint, keys: Mapping[str, str], limits: LlmLimits, trust: Sequence[str]) -> LlmClient:
    key = keys.get(endpoint.key_variable) if endpoint.key_variable else None
    return load_llm_client(endpoint.client, trust=trust).connect(endpoint, key, limits)


def _keys(access: LlmAccess) -> dict[str, str]:
    return {name: os.environ[name] for name in access.key_variables if os.environ.get(name)}


def _without(text: str, keys: Iterable[str]) -> str:
    for key in keys:
        text = text.replace(key, "[key]")
    return text
