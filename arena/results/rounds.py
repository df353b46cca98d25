"""Rounds: the terms of an official run, written down and published before it, beside the commitment to its seeds.

Whoever knows the digest of a round knows afterwards whether somebody was left out, played with another content, on
fewer seeds, at a weaker isolation level, with other limits, or by another rule for stopping.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final, Literal, NamedTuple, Self

from pydantic import Field, field_validator

from arena.documents import parse_document
from arena.errors import ABSENT, ArenaError, Fault, FaultList, FieldFault, InvalidInput, StoreError
from arena.jail.isolation import Isolation
from arena.jail.limits import Limits
from arena.results.database import Database
from arena.results.round_models import RoundModels
from arena.results.rows import StoppingRule
from arena.results.trusted import TrustedPackageRow
from arena.schemas import FrozenSchema, Slug, parse_as
from arena.world.contest_draws import Drawing
from arena.world.native_score import NativeScore
from arena.world.scoring import ScoreRule
from arena.world.suite import Suite
from arena.world.written import without_unused

SHOWN: Final = 12
"""Characters of a digest in messages."""

_Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
_Seeds = Annotated[int, Field(strict=True, ge=1, le=1_000_000)]


class Participant(FrozenSchema):
    """A submission of a round."""

    name: Slug = Field(description="its name")
    digest: _Digest = Field(description="digest of its content, as arena evaluate records it")


class RoundScenario(FrozenSchema):
    """A scenario of a round: by its content, or by the ranges that the secret draws it from."""

    name: str = Field(description="its slug")
    digest: _Digest | None = Field(description="digest of its content; null where the secret draws it")
    drawing: _Digest | None = Field(
        description="digest of the scenario before the draw and its ranges; null if written"
    )


class RoundSuite(FrozenSchema):
    """The suite of a round."""

    name: str = Field(description="its name")
    reference: str = Field(description="its name or file, as it was given")
    scored_by: Slug | None = Field(description="the oracle that scores are measured against; null: the best one")
    score_rule: ScoreRule = Field(description="how it scores")
    native: NativeScore | None = Field(default=None, description="a score of its own; absent: none")
    scenarios: tuple[RoundScenario, ...] = Field(min_length=1, description="its scenarios, in its order")


class RoundTerms(FrozenSchema):
    """What a round commits to."""

    format: Literal["arena-round-1"] = Field(default="arena-round-1", description="format of the file")
    created: str = Field(max_length=40, description="when it was made, UTC, ISO 8601")
    contract_digest: _Digest = Field(description="digest of the rules")
    commitment: _Digest = Field(description="commitment to the secret behind the seeds")
    seeds: _Seeds = Field(description="seeds per scenario; with a stopping rule those of the first batch")
    stopping: StoppingRule | None = Field(
        description="rule by which seeds are played until decided; null: fixed number"
    )
    suite: RoundSuite = Field(description="what is played")
    isolation: Isolation = Field(description="level at which everybody plays")
    limits: dict[str, int | float] = Field(description="limits that everybody plays with, all of them")
    accept_fallbacks: bool = Field(description="whether scenarios are scored whose oracle fell back in some decisions")
    participants: tuple[Participant, ...] = Field(min_length=1, description="who plays")
    trusted: tuple[TrustedPackageRow, ...] | None = Field(
        default=None,
        description="strangers' packages that the arena's process may import; null or absent: the round does not state "
        "them, as those of earlier arenas",
    )
    language_models: RoundModels | None = Field(
        default=None,
        description="who asks which language model, and the limits of questions; null or absent: the round does not "
        "state them, as those of earlier arenas",
    )

    @field_validator("limits")
    @classmethod
    def _are_limits(cls, given: dict[str, int | float]) -> dict[str, int | float]:
        missing = sorted({field.name for field in dataclasses.fields(Limits)} ^ set(given))
        if missing:
            fix = "make the round with the arena that is to play it"
            raise FaultList([FieldFault(missing[0], ABSENT, "a round states every limit, and no other", fix)])
        try:
            Limits(**given)  # type: ignore[arg-type] # its own check is the one that counts
        except InvalidInput as error:
            raise FaultList(
                [FieldFault(one.field, one.value, one.rule, one.suggestion) for one in error.faults]
            ) from None
        return given

    @property
    def allowed(self) -> Limits:
        """The limits."""
        return Limits(**self.limits)  # type: ignore[arg-type] # checked above


@dataclass(frozen=True)
class Round:
    """A round as its file has it.

    Attributes:
        terms: what it commits to.
        text: the file; what is published is the digest of its bytes.
    """

    terms: RoundTerms
    text: str

    @property
    def digest(self) -> str:
        """SHA-256 of the file, hexadecimal, as `sha256sum` prints it."""
        return hashlib.sha256(self.text.encode()).hexdigest()

    @classmethod
    def of(cls, terms: RoundTerms) -> Self:
        """Return the round of some terms."""
        content = terms.model_dump(mode="json")
        if terms.suite.native is None:
            del content["suite"]["native"]  # Rounds of other suites are written as by earlier arenas.
        return cls(terms, json.dumps(content, indent=2) + "\n")

    @classmethod
    def parse(cls, text: str, source: str) -> Self:
        """Return the round that a text holds.

        Raises:
            InvalidInput: with every fault of the text.
        """
        return cls(parse_as(RoundTerms, parse_document(text.encode(), source), source), text)


def read_round(path: str | Path) -> Round:
    """Read a round.

    Raises:
        InvalidInput: the file is missing or no round.
    """
    path = Path(path)
    try:
        text = path.read_bytes().decode()
    except (OSError, UnicodeDecodeError) as error:
        cause = error.strerror if isinstance(error, OSError) else "it is no text"
        fix = "make one with: arena round new FILE"
        raise InvalidInput([Fault(str(path), "", ABSENT, f"cannot be read: {cause}", fix)]) from None
    return Round.parse(text, str(path))


def write_round(contest_round: Round, path: str | Path) -> None:
    """Write a round to a new file.

    Raises:
        ArenaError: the file exists (a round is never overwritten) or cannot be written.
    """
    path = Path(path)
    try:
        with path.open("xb") as file:
            file.write(contest_round.text.encode())
            file.flush()
            os.fsync(file.fileno())
    except FileExistsError:
        raise ArenaError(f"{path} exists already; a round is never overwritten: choose another name") from None
    except OSError as error:
        raise ArenaError(f"{path} cannot be written: {error.strerror}; choose a folder you can write to") from None


def commit_suite(suite: Suite, reference: str = "") -> RoundSuite:
    """Return what a round commits to of a suite. Nothing of it depends on a secret.

    Args:
        suite: the suite, drawn by whichever key.
        reference: its name or file, as it was given; its name unless given.
    """
    return RoundSuite(
        name=suite.name,
        reference=reference or suite.name,
        scored_by=suite.scored_by,
        score_rule=suite.score_rule,
        native=suite.native,
        scenarios=tuple(
            RoundScenario(
                name=scenario.name,
                digest=scenario.digest if (drawing := suite.drawings.get(scenario.name)) is None else None,
                drawing=None if drawing is None else digest_drawing(drawing),
            )
            for scenario in suite.scenarios
        ),
    )


def digest_drawing(drawing: Drawing) -> str:
    """Return the digest of a scenario before the draw, its ranges and the number of the draw, but of no key."""
    content = drawing.model_dump(mode="json", by_alias=True, exclude={"public_seed"})
    content["template"]["scenario"] = without_unused(content["template"]["scenario"])
    return hashlib.sha256(json.dumps(content, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


class Departure(NamedTuple):
    """Something that is not as the round says.

    Attributes:
        what: which part of its terms, as in `isolation` or `limits.decision`.
        name: the participant or scenario that it is about; empty for the whole.
        found: how it is.
        committed: how the round says it is.
    """

    what: str
    name: str
    found: object
    committed: object


def participant_departures(terms: RoundTerms, contents: dict[str, str]) -> Iterator[Departure]:
    """Yield who is missing, who has another content, and who is no participant.

    Args:
        terms: of the round.
        contents: digests of the submissions that play or played, by name.
    """
    committed = {one.name: one.digest for one in terms.participants}
    for name, digest in committed.items():
        if contents.get(name) != digest:
            yield Departure("participant", name, contents.get(name, "absent"), digest)
    for name in sorted(set(contents) - set(committed)):
        yield Departure("participant", name, contents[name], "no participant")


def seed_departure(terms: RoundTerms, seeds: int) -> Departure | None:
    """Return whether a number of seeds per scenario is none that the round allows."""
    least, most = terms.seeds, terms.seeds if terms.stopping is None else max(terms.seeds, terms.stopping.budget)
    if least <= seeds <= most:
        return None
    return Departure("seeds", "", seeds, least if least == most else f"{least} to {most}")


def limit_departures(terms: RoundTerms, limits: Limits | None) -> Iterator[Departure]:
    """Yield the limits that differ; None for limits that are not known."""
    found: dict[str, Any] = {} if limits is None else dataclasses.asdict(limits)
    for name, value in terms.limits.items():
        if found.get(name) != value:
            yield Departure(f"limits.{name}", "", found.get(name, "not recorded"), value)


class KeptRounds:
    """The rounds of one store, by the commitment to their seeds.

    Args:
        database: its file.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, commitment: str) -> Round | None:
        """Return the round that was played on these seeds; None for practice.

        Raises:
            StoreError: it cannot be read.
        """
        with self._database.explained():
            text = self._database.note(_note(commitment))
        if text is None:
            return None
        try:
            return Round.parse(text, str(self._database.path))
        except InvalidInput as error:
            raise StoreError(f"{self._database.path}: its round cannot be read; restore a copy of the store") from error

    def enter(self, commitment: str, given: Round | None, folder: Path) -> None:
        """Take note of the round that an evaluation plays; all evaluations of its seeds into the store play it.

        Args:
            commitment: commitment to its seeds.
            given: the round; None for practice.
            folder: of the store, for the message.

        Raises:
            InvalidInput: the store is of another round, or of practice on these seeds.
            StoreError: it cannot be read or written.
        """
        kept = self.get(commitment)
        if (None if kept is None else kept.digest) == (None if given is None else given.digest):
            return
        fix = "choose another folder: --output DIR"
        if kept is not None:
            rule = f"holds the results of the round {kept.digest[:SHOWN]}…"
            fix = f"play that round (--round FILE), or {fix}" if given is None else fix
        elif self._has_episodes(commitment):
            rule = "holds episodes on these seeds that were played for practice, outside of any round"
        else:
            assert given is not None
            with self._database.explained():
                self._database.keep_note(_note(commitment), given.text)
            return
        raise InvalidInput([Fault(str(folder), "", ABSENT, rule, fix)])

    def _has_episodes(self, commitment: str) -> bool:
        with self._database.explained():
            statement = "SELECT 1 FROM episodes WHERE seed_plan = ? LIMIT 1"
            return self._database.execute(statement, (commitment,)).fetchone() is not None


def _note(commitment: str) -> str:
    return f"round {commitment}"
