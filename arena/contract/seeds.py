"""Where an episode's randomness comes from: the public seeds, or hidden seeds derived from a committed secret.

Hidden: ``HMAC-SHA256(master, label | contract digest | scenario digest | index)``, the parts joined by vertical bars,
gives under the label ``episode`` 256 bits for the episode's stream, and under ``controller`` 63 bits from which each
submission's own seed is hashed (:mod:`arena.play.table`).
``HMAC-SHA256(master, scenarios | contract digest)`` is the key of drawn scenarios (:mod:`arena.world.contest_draws`).
``sha256(master | salt)``, of the bytes one after the other, is the commitment: it can be published before a run without
telling anything. Afterwards the *reveal*, master and salt, proves which seeds were meant.

What is derived from a secret shows itself nowhere: neither secrets nor seeds print, so that no traceback or log of
whatever depth holds them.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import secrets
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, Protocol, SupportsIndex, TypeVar

from pydantic import Field

from arena.errors import ABSENT, ArenaError, Fault, InvalidInput
from arena.schemas import FrozenSchema, load_as, whole_number
from arena.world.contest_draws import DrawKey

#: The ten published seeds: for development and comparison, known to everybody.
PUBLIC_SEEDS = (42, 123, 456, 789, 1011, 2022, 3033, 4044, 5055, 6066)

#: Most hidden seeds of one secret and scenario.
MOST_SEEDS = 1_000_000

_MASTER_BYTES = 32


class _Unshown(int):
    """A number that does not print itself; computing with it gives ordinary numbers."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "(not shown)"


@dataclass(frozen=True, slots=True)
class EpisodeSeed:
    """The seeds of one episode."""

    index: int
    """Position in the plan, from 0."""
    entropy: int = field(repr=False)
    """What goes into the episode's SeedSequence. A hidden one does not print itself as text either."""
    controller_seed: int = field(repr=False)
    """What the seeds of controllers' own randomness are hashed from, together with the submission that plays."""
    public: bool
    """Whether the entropy may be shown in results."""
    derived_under: str | None = None
    """Digest of the rules that a hidden seed was derived under; None for a public one."""


class SeedPlan(Protocol):
    """A series of seeds for every scenario."""

    @property
    def label(self) -> str:
        """Name of the plan, such as ``public`` or ``hidden:100``."""

    @property
    def commitment(self) -> str | None:
        """The published commitment (hex), None for public seeds."""

    @property
    def count(self) -> int:
        """Episodes per scenario."""

    @property
    def draw_key(self) -> DrawKey | None:
        """What draws the numbers of scenarios that have ranges; None: the public seed of their suite."""

    def episode(self, scenario_digest: str, index: SupportsIndex) -> EpisodeSeed:
        """Seeds of one episode.

        Raises:
            IndexError: If the index is not below :attr:`count`.
            TypeError: If the index is not a whole number.
        """


@dataclass(frozen=True)
class PublicSeeds:
    """The published seeds, the same for every scenario.

    Args:
        count: how many of them, from the first; all ten unless given.

    Raises:
        InvalidInput: If there are not so many, or none is asked for.
        TypeError: If the count is not a whole number.
    """

    count: int = len(PUBLIC_SEEDS)
    label: str = field(default="public", init=False)
    commitment: None = field(default=None, init=False)
    draw_key: None = field(default=None, init=False)

    def __post_init__(self) -> None:
        """Check the count."""
        count = whole_number(self.count, "number of public seeds")
        if not 1 <= count <= len(PUBLIC_SEEDS):
            rule = f"the number of public seeds is between 1 and {len(PUBLIC_SEEDS)}"
            raise InvalidInput([Fault("PublicSeeds", "count", count, rule, "for more, use hidden_seeds with a secret")])
        object.__setattr__(self, "count", count)

    def episode(self, scenario_digest: str, index: SupportsIndex) -> EpisodeSeed:
        """Return the seeds of one episode; controllers are briefed with a hash of the public one."""
        index = _checked_index(index, self.count)
        seed = PUBLIC_SEEDS[index]
        return EpisodeSeed(index=index, entropy=seed, controller_seed=seed, public=True)


class _MasterAndSalt(FrozenSchema):
    """What seeds are derived from and committed to."""

    master: str = Field(pattern=r"^[0-9a-f]{64}$", repr=False, description="32 random bytes, hex")
    salt: str = Field(pattern=r"^[0-9a-f]{64}$", repr=False, description="32 random bytes, hex")
    created: str = Field(default="", max_length=40, description="when the secret was made, UTC")

    @property
    def commitment(self) -> str:
        """``sha256(master | salt)``, hex: publish it before the run."""
        return hashlib.sha256(bytes.fromhex(self.master) + bytes.fromhex(self.salt)).hexdigest()


class Secret(_MasterAndSalt):
    """The secret behind hidden seeds, as it stands in its file."""

    format: Literal["arena-seed-secret-1"] = Field(default="arena-seed-secret-1", description="format of the file")


class Reveal(_MasterAndSalt):
    """A secret given to everybody after the run; a format of its own, so that neither is taken for the other."""

    format: Literal["arena-seed-reveal-1"] = Field(default="arena-seed-reveal-1", description="format of the file")


@dataclass(frozen=True)
class HiddenSeeds:
    """Seeds derived from a secret; unrelated between scenarios."""

    secret: Secret | Reveal = field(repr=False)
    count: int
    contract_digest: str

    @property
    def label(self) -> str:
        """``hidden:`` and the number of episodes per scenario."""
        return f"hidden:{self.count}"

    @property
    def commitment(self) -> str:
        """The secret's commitment."""
        return self.secret.commitment

    @property
    def draw_key(self) -> DrawKey:
        """The key of drawn scenarios; other rules, other key."""
        return DrawKey(self._derive("scenarios"))

    def episode(self, scenario_digest: str, index: SupportsIndex) -> EpisodeSeed:
        """Seeds of one episode: 256 bits for the stream, 63 for the controller."""
        index = _checked_index(index, self.count)
        return EpisodeSeed(
            index=index,
            entropy=_Unshown.from_bytes(self._derive("episode", scenario_digest, str(index)), "big"),
            controller_seed=int.from_bytes(self._derive("controller", scenario_digest, str(index))[:8], "big") >> 1,
            public=False,
            derived_under=self.contract_digest,
        )

    def _derive(self, label: str, *parts: str) -> bytes:
        message = "|".join((label, self.contract_digest, *parts))
        return hmac.new(bytes.fromhex(self.secret.master), message.encode(), hashlib.sha256).digest()


_M = TypeVar("_M", Secret, Reveal)


def _checked_index(index: SupportsIndex, count: int) -> int:
    position = whole_number(index, "seed index")
    if not 0 <= position < count:
        raise IndexError(f"seed index {position} is outside 0 to {count - 1}")
    return position


def new_secret() -> Secret:
    """A fresh secret from the operating system's randomness."""
    created = datetime.now(UTC).isoformat(timespec="seconds")
    return Secret(master=secrets.token_hex(_MASTER_BYTES), salt=secrets.token_hex(_MASTER_BYTES), created=created)


def write_secret(secret: Secret, path: str | Path) -> None:
    """Write a secret to a new file that only its owner can read.

    Raises:
        ArenaError: If the file exists (a secret is never overwritten) or cannot be written.
    """
    _write_new(Path(path), secret, 0o600, "a secret is never overwritten")


def write_reveal(reveal: Reveal, path: str | Path) -> None:
    """Write a reveal to a new file that everybody may read.

    Raises:
        ArenaError: If the file exists (it might be the secret) or cannot be written.
    """
    _write_new(Path(path), reveal, 0o666, "a reveal overwrites nothing")


def _write_new(path: Path, content: Secret | Reveal, mode: int, rule: str) -> None:
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    except FileExistsError:
        raise ArenaError(f"{path} exists already; {rule}: choose another name") from None
    except OSError as error:
        raise ArenaError(f"{path} cannot be written: {error.strerror}; choose a folder you can write to") from None
    cause = None
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(to_json(content).encode())
    except OSError as error:
        cause = error.strerror
    if cause is not None:
        path.unlink(missing_ok=True)
        raise ArenaError(f"{path} cannot be written: {cause}; free some space or choose another folder")


def to_json(content: Secret | Reveal) -> str:
    """The text of the file of a secret or a reveal."""
    return json.dumps({"format": content.format, **content.model_dump()}, indent=2) + "\n"


def reveal_secret(secret: Secret) -> Reveal:
    """The reveal of a secret. Whoever has it has every seed: it is for after the run."""
    return Reveal(master=secret.master, salt=secret.salt, created=secret.created)


def read_secret(path: str | Path) -> Secret:
    """Read a secret.

    Raises:
        InvalidInput: If the file is missing, no secret, or readable by others than its owner. The message never
            holds a part of the secret.
    """
    path = Path(path)
    try:
        mode = path.stat().st_mode
    except OSError as error:
        fix = "make one with: arena seeds new FILE"
        raise InvalidInput([Fault(str(path), "", "", f"cannot be read: {error.strerror}", fix)]) from None
    if os.name == "posix" and mode & 0o077:
        rule = "only the owner can read a secret"
        raise InvalidInput([Fault(str(path), "", f"{mode & 0o777:o}", rule, f"chmod 600 {path}")])
    return _read(Secret, path)


def read_reveal(path: str | Path) -> Reveal:
    """Read a reveal.

    Raises:
        InvalidInput: If the file is missing or no reveal; a secret is none. The message never holds a part of it.
    """
    return _read(Reveal, Path(path))


def _read(model: type[_M], path: Path) -> _M:
    """Read a document with a master in it; messages leave out all its values, and its unknown keys."""
    try:
        return load_as(model, path)
    except InvalidInput as error:
        faults = [_discreet(fault, model, path) for fault in error.faults]
    # Raised outside the handler: a chained error would still hold the values.
    raise InvalidInput(faults)


def _discreet(fault: Fault, model: type[FrozenSchema], path: Path) -> Fault:
    if fault.field == "format":
        revealing = f"after the run, a secret becomes a reveal by: arena seeds reveal {path}"
        fix = revealing if model is Reveal else "name the file that arena seeds new has written"
        return Fault(str(path), "format", ABSENT, f"is not that of a {model.__name__.lower()}", fix)
    known = fault.field in model.model_fields or fault.field.startswith("line ")
    return fault._replace(field=fault.field if known else "", value=ABSENT if fault.value is ABSENT else "(not shown)")


def hidden_seeds(secret: Secret | Reveal, count: int, contract_digest: str) -> HiddenSeeds:
    """Hidden seeds of a secret.

    Args:
        secret: from :func:`read_secret`, or after the run from :func:`read_reveal`.
        count: episodes per scenario.
        contract_digest: of :func:`arena.contract.version.contract_digest`; other rules, other seeds.

    Raises:
        InvalidInput: If the count is not between 1 and a million.
    """
    count = whole_number(count, "number of hidden seeds")
    if not 1 <= count <= MOST_SEEDS:
        rule = f"the number of hidden seeds is between 1 and {MOST_SEEDS}"
        raise InvalidInput([Fault("--seeds", "", f"hidden:{count}", rule, "for example hidden:100")])
    return HiddenSeeds(secret=secret, count=count, contract_digest=contract_digest)


def parse_seeds(text: str, secret_file: Path | None, contract_digest: str) -> PublicSeeds | HiddenSeeds:
    """The seed plan that a command line means.

    Args:
        text: ``public``, ``public:N`` for the first N of them, or ``hidden:N``.
        secret_file: file of the secret; needed for hidden seeds and refused for public ones.
        contract_digest: digest of the rules in force.

    Raises:
        InvalidInput: If the text is neither, or the secret is missing, superfluous or unusable.
    """
    kind, _, number = text.partition(":")
    is_number = number.isdecimal() and number.isascii() and len(number) < 10
    if kind == "public" and (is_number or text == "public"):
        if secret_file is not None:
            rule = "public seeds need no secret"
            raise InvalidInput([Fault("--secret", "", str(secret_file), rule, "remove --secret or use hidden:N")])
        if is_number and int(number) > len(PUBLIC_SEEDS):
            rule = f"there are {len(PUBLIC_SEEDS)} public seeds"
            fix = f"write hidden:{number} with --secret FILE; make one with: arena seeds new FILE"
            raise InvalidInput([Fault("--seeds", "", text, rule, fix)])
        return PublicSeeds(int(number)) if is_number else PublicSeeds()
    if kind == "hidden" and is_number:
        if secret_file is None:
            fix = "add --secret FILE; make one with: arena seeds new FILE"
            raise InvalidInput([Fault("--seeds", "", text, "hidden seeds need a secret", fix)])
        return hidden_seeds(read_secret(secret_file), int(number), contract_digest)
    fix = "use public, public:5, or hidden:100 with --secret FILE"
    raise InvalidInput([Fault("--seeds", "", text, "seeds are public, public:N or hidden:N", fix)])
