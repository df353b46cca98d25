"""Summary of what went wrong with the questions of a run, for its organiser."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from arena.llm.transcript import TranscriptEntry, read_transcript
from arena.results.folder import TRANSCRIPT_NAME

if TYPE_CHECKING:
    from arena.results.record import EpisodeRecord


def describe_failures(output: Path, records: Collection[EpisodeRecord]) -> list[str]:
    """Say, for every submission, which questions have no answer and why, and what its endpoint refused.

    Args:
        output: folder of results; without a transcript in it there is nothing to say.
        records: the episodes of the evaluation.

    Returns:
        Sentences without a full stop; empty if every question was answered as it was asked. They hold text of the
        endpoint, without keys, printable and short.

    Raises:
        InvalidInput: the transcript cannot be read.
    """
    path = output / TRANSCRIPT_NAME
    if not path.exists():
        return []
    played = {(one.submission, one.scenario_digest, one.commitment or "public", one.seed_index) for one in records}
    asked: dict[str, list[TranscriptEntry]] = {}
    for key, entry in read_transcript(path).items():
        if key[:4] in played:
            asked.setdefault(entry.submission, []).append(entry)
    return [sentence for name in sorted(asked) for sentence in _describe(name, asked[name])]


def _describe(name: str, entries: list[TranscriptEntry]) -> Iterator[str]:
    stopped = [entry for entry in entries if entry.outcome == "budget"]
    made = [entry for entry in entries if entry.outcome != "budget"]
    failed = [entry for entry in made if entry.outcome != "ok"]
    if failed:
        kinds = ", ".join(f"{kind} {number}" for kind, number in Counter(one.outcome for one in failed).most_common())
        yield (
            f"{name}: {len(failed)} of {len(made)} questions to its language model have no answer ({kinds}); "
            f"the last one: {failed[-1].message}"
        )
    if stopped:
        episodes = "1 episode was" if len(stopped) == 1 else f"{len(stopped)} episodes were"
        yield f"{name}: {episodes} refused further questions by a limit of the run; the last one: {stopped[-1].message}"
    # A question that was not accepted at all says nothing about single parameters.
    accepted = [entry.refused for entry in made if entry.outcome != "bad_request"]
    for parameter, reason in {known: reason for refused in accepted for known, reason in refused.items()}.items():
        sent = " (max_tokens was sent)" if parameter == "max_completion_tokens" else ""
        yield f"{name}: its endpoint was asked without {parameter}{sent}, which it refused: {reason}"
