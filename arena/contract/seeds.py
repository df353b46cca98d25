"""Where an episode's randomness comes from: the public seeds, or hidden seeds derived from a committed secret.

Hidden: ``HMAC-SHA256(master, label | contract digest | scenario digest | index)`` gives 256 bits for the episode's
stream, and under another label the controller's own seed. ``sha256(master | salt)`` is the commitment: it can be
published before a run without telling anything, and afterwards master and salt prove which seeds were meant.
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
from typing import Literal, Protocol

from pydantic import Field

from arena.errors import ArenaError, Fault, InvalidInput
from arena.models import FrozenModel, load_model

#: The ten published seeds: for development and comparison, known to everybody.
PUBLIC_SEEDS = (42, 123, 456, 789, 1011, 2022, 3033, 4044, 5055, 6066)

_MASTER_BYTES = 32
_MOST_SEEDS = 1_000_000


@dataclass(frozen=True, slots=True)
class EpisodeSeed:
    """The seeds of one episode."""

    index: int
    """Position in the plan, from 0."""
    entropy: int = field(repr=False)
    """What goes into the episode's SeedSequence."""
    controller_seed: int
    """What the controller is told as its own seed."""
    public: bool
    """Whether the entropy may be shown in results."""


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

    def episode(self, scenario_digest: str, index: int) -> EpisodeSeed:
        """Seeds of one episode.

        Raises:
            IndexError: If the index is not below :attr:`count`.
        """


@dataclass(frozen=True)
class PublicSeeds:
    """The published seeds, the same for every scenario."""

    label: str = "public"
    commitment: None = None
    count: int = len(PUBLIC_SEEDS)

    def episode(self, scenario_digest: str, index: int) -> EpisodeSeed:
        """Seeds of one episode; the controller's own seed is the public one, as in the published results."""
        _check_index(index, self.count)
        seed = PUBLIC_SEEDS[index]
        return EpisodeSeed(index=index, entropy=seed, controller_seed=seed, public=True)


class Secret(FrozenModel):
    """The secret behind hidden seeds, as it stands in its file."""

    format: Literal["arena-seed-secret-1"] = Field(default="arena-seed-secret-1", description="format of the file")
    master: str = Field(pattern=r"^[0-9a-f]{64}$", repr=False, description="32 random bytes, hex")
    salt: str = Field(pattern=r"^[0-9a-f]{64}$", repr=False, description="32 random bytes, hex")
    created: str = Field(default="", max_length=40, description="when it was made, UTC")

    @property
    def commitment(self) -> str:
        """``sha256(master | salt)``, hex: publish it before the run."""
        return hashlib.sha256(bytes.fromhex(self.master) + bytes.fromhex(self.salt)).hexdigest()


@dataclass(frozen=True)
class HiddenSeeds:
    """Seeds derived from a secret; unrelated between scenarios."""

    secret: Secret = field(repr=False)
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

    def episode(self, scenario_digest: str, index: int) -> EpisodeSeed:
        """Seeds of one episode: 256 bits for the stream, 63 for the controller."""
        _check_index(index, self.count)
        episode = self._derive("episode", scenario_digest, index)
        controller = self._derive("controller", scenario_digest, index)
        return EpisodeSeed(
            index=index,
            entropy=int.from_bytes(episode, "big"),
            controller_seed=int.from_bytes(controller[:8], "big") >> 1,
            public=False,
        )

    def _derive(self, label: str, scenario_digest: str, index: int) -> bytes:
        message = "|".join((label, self.contract_digest, scenario_digest, str(index)))
        return hmac.new(bytes.fromhex(self.secret.master), message.encode(), hashlib.sha256).digest()


def _check_index(index: int, count: int) -> None:
    if not 0 <= index < count:
        raise IndexError(f"seed index {index} is outside 0 to {count - 1}")


def new_secret() -> Secret:
    """A fresh secret from the operating system's randomness."""
    created = datetime.now(UTC).isoformat(timespec="seconds")
    return Secret(master=secrets.token_hex(_MASTER_BYTES), salt=secrets.token_hex(_MASTER_BYTES), created=created)


def write_secret(secret: Secret, path: Path) -> None:
    """Write a secret to a new file that only its owner can read.

    Raises:
        ArenaError: If the file exists (a secret is never overwritten) or cannot be written.
    """
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise ArenaError(f"{path} exists already; a secret is never overwritten: choose another name") from None
    except OSError as error:
        raise ArenaError(f"{path} cannot be written: {error.strerror}; choose a folder you can write to") from None
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(secret.model_dump(), file, indent=2)
        file.write("\n")


def read_secret(path: Path) -> Secret:
    """Read a secret.

    Raises:
        InvalidInput: If the file is missing, no secret, or readable by others than its owner. The message never
            holds a part of the secret.
    """
    try:
        mode = path.stat().st_mode
    except OSError as error:
        fix = "make one with: arena seeds new FILE"
        raise InvalidInput([Fault(str(path), "", "", f"cannot be read: {error.strerror}", fix)]) from None
    if os.name == "posix" and mode & 0o077:
        rule = "only the owner can read a secret"
        raise InvalidInput([Fault(str(path), "", f"{mode & 0o777:o}", rule, f"chmod 600 {path}")])
    try:
        return load_model(Secret, path)
    except InvalidInput as error:
        # Values are left out: a damaged secret is still a secret.
        faults = [fault._replace(value="(not shown)") for fault in error.faults]
        raise InvalidInput(faults) from None


def hidden_seeds(secret: Secret, count: int, contract_digest: str) -> HiddenSeeds:
    """Hidden seeds of a secret.

    Args:
        secret: from :func:`read_secret`.
        count: episodes per scenario.
        contract_digest: of :func:`arena.contract.version.contract_digest`; other rules, other seeds.

    Raises:
        InvalidInput: If the count is not between 1 and a million.
    """
    if not 1 <= count <= _MOST_SEEDS:
        rule = f"the number of hidden seeds is between 1 and {_MOST_SEEDS}"
        raise InvalidInput([Fault("--seeds", "", f"hidden:{count}", rule, "for example hidden:100")])
    return HiddenSeeds(secret=secret, count=count, contract_digest=contract_digest)


def parse_seeds(text: str, secret_file: Path | None, contract_digest: str) -> PublicSeeds | HiddenSeeds:
    """The seed plan that a command line means.

    Args:
        text: ``public`` or ``hidden:N``.
        secret_file: file of the secret; needed for hidden seeds and refused for public ones.
        contract_digest: digest of the rules in force.

    Raises:
        InvalidInput: If the text is neither, or the secret is missing, superfluous or unusable.
    """
    kind, _, number = text.partition(":")
    if kind == "public" and not number:
        if secret_file is not None:
            rule = "public seeds need no secret"
            raise InvalidInput([Fault("--secret", "", str(secret_file), rule, "remove --secret or use hidden:N")])
        return PublicSeeds()
    if kind == "hidden" and number.isdecimal() and number.isascii() and len(number) < 10:
        if secret_file is None:
            fix = "add --secret FILE; make one with: arena seeds new FILE"
            raise InvalidInput([Fault("--seeds", "", text, "hidden seeds need a secret", fix)])
        return hidden_seeds(read_secret(secret_file), int(number), contract_digest)
    fix = "use public, or hidden:100 with --secret FILE"
    raise InvalidInput([Fault("--seeds", "", text, "seeds are public or hidden:N", fix)])
