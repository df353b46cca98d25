"""A transcript of language models held against its round: who was asked, and how much everybody asked.

The limits that lines state are compared, and so is what the questions used up: an editor can change the first and not
the second, which the rows count too.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from arena.audit.differences import Difference
from arena.llm.call import CallKey
from arena.llm.transcript import TranscriptEntry
from arena.results.folder import STORE_NAME, TRANSCRIPT_NAME
from arena.results.record import EpisodeRecord
from arena.results.round_models import RoundModels, limit_departures_of_models
from arena.results.rounds import RoundTerms

NOT_STATED = (
    "the round does not state which language models are asked, nor the limits of questions: it was made by an arena "
    "that did not commit to them"
)
"""Notice about a round of an earlier arena whose participants ask language models."""

_SLACK: Final = timedelta(seconds=1)
"""By how much dates and durations of questions may disagree: they are of two clocks."""

Entries = Mapping[CallKey, TranscriptEntry]


def model_differences(terms: RoundTerms, entries: Entries, records: Sequence[EpisodeRecord]) -> Iterator[Difference]:
    """Yield, for each submission, the first line or episode that departs from the language models of a round.

    Args:
        terms: of the round.
        entries: of the transcript.
        records: those that count.
    """
    committed = terms.language_models
    if committed is None:
        return
    own = [one for one in entries.values() if one.seed_plan == terms.commitment]
    told: set[tuple[str, str]] = set()
    found = [*_of_lines(committed, own), *_of_episodes(committed, own, records), *_of_submissions(committed, own)]
    for one in found:
        if (one.submission, one.column) not in told:
            told.add((one.submission, one.column))
            yield one


def _of_lines(committed: RoundModels, entries: Sequence[TranscriptEntry]) -> Iterator[Difference]:
    endpoints = {one.submission: one for one in committed.endpoints}
    for entry in entries:
        place = (TRANSCRIPT_NAME, entry.submission, "", entry.seed_index)
        endpoint = endpoints.get(entry.submission)
        if endpoint is None:
            yield Difference(*place, "language_models", "a question", "none: the round names no model for it")
            continue
        if entry.sampling.get("model") != endpoint.model:
            yield Difference(*place, "language_models.model", entry.sampling.get("model"), endpoint.model)
        if entry.base_url and entry.base_url != endpoint.base_url:
            yield Difference(*place, "language_models.base_url", entry.base_url, endpoint.base_url)
        for one in limit_departures_of_models(committed, entry.limits):
            yield Difference(*place, one.what, one.found, one.committed)


def _of_episodes(
    committed: RoundModels, entries: Sequence[TranscriptEntry], records: Sequence[EpisodeRecord]
) -> Iterator[Difference]:
    limits = committed.limits
    for record in records:
        if record.llm_calls > limits.episode_calls:
            place = (STORE_NAME, record.submission, record.scenario, record.seed_index)
            wanted = f"at most {limits.episode_calls}, by the round"
            yield Difference(*place, "llm_calls", record.llm_calls, wanted)
    episodes: dict[CallKey, list[TranscriptEntry]] = {}
    for entry in entries:
        if entry.outcome != "budget":
            episodes.setdefault(entry.key._replace(position=0), []).append(entry)
    for key, asked in episodes.items():
        # The question that reaches the limit is still answered.
        before = sum(one.prompt_tokens + one.completion_tokens for one in _but_last(asked))
        if before >= limits.episode_tokens:
            wanted = f"fewer than {limits.episode_tokens} before its last question, by the round"
            place = (TRANSCRIPT_NAME, key.submission, "", key.seed_index)
            yield Difference(*place, "language_models.limits.episode_tokens", before, wanted)


def _but_last(asked: Sequence[TranscriptEntry]) -> list[TranscriptEntry]:
    return sorted(asked, key=lambda one: one.position)[:-1]


def _of_submissions(committed: RoundModels, entries: Sequence[TranscriptEntry]) -> Iterator[Difference]:
    for endpoint in committed.endpoints:
        asked = [one for one in entries if one.submission == endpoint.submission and one.outcome != "budget"]
        number = len(asked)
        most = committed.limits.calls
        place = (TRANSCRIPT_NAME, endpoint.submission, "", None)
        if most is not None and number > most:
            yield Difference(*place, "language_models.limits.calls", number, f"at most {most}, by the round")
        allowed, used = committed.limits.tokens, _used_before_the_last(asked)
        if allowed is not None and used >= allowed:
            wanted = f"fewer than {allowed} before the last question began, by the round"
            yield Difference(*place, "language_models.limits.tokens", used, wanted)


def _used_before_the_last(asked: Sequence[TranscriptEntry]) -> int:
    """Return the tokens of questions that had surely ended when another one began; 0 without any."""
    try:
        ends = [(datetime.fromisoformat(one.finished_at), one) for one in asked]
        begun = max((end - timedelta(seconds=one.seconds) for end, one in ends), default=datetime.now(UTC))
        ended = [one for end, one in ends if end < begun - _SLACK]
    except (ValueError, TypeError, OverflowError):
        return sum(one.prompt_tokens + one.completion_tokens for one in asked)  # dates that the arena never wrote
    return sum(one.prompt_tokens + one.completion_tokens for one in ended)
