"""Trained policies on disk: safetensors for the weights, JSON for their description; nothing is ever unpickled.

A policy is two files of one stem: ``NAME.safetensors`` and ``NAME.json``. The shipped ones are in the folder
``weights`` of a package, one stem per policy, or per policy and network (``hdpo-informed.serial``) where a policy is
made for one network.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Final

from pydantic import BaseModel, Field, ValidationError
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn
from typing_extensions import TypeIs

from arena import ArenaError, Network, network_content
from arena_rl.cards import ENDING
from arena_rl.inputs.echelon_positions import SupplyStructure
from arena_rl.inputs.observations import BatchBriefing
from arena_rl.policies.actor import ActorPolicy
from arena_rl.policies.actor_networks import ActorShape, GnnShape, MlpShape, ResidualShape, TransformerShape
from arena_rl.policies.dense import DensePolicy, DenseShape
from arena_rl.policies.graph_network import GraphPolicy, GraphShape

SHIPPED: Final = Path(__file__).parents[1] / "weights"
"""Folder of the policies that this package ships."""

PolicyShape = Annotated[
    DenseShape | GraphShape | MlpShape | GnnShape | TransformerShape | ResidualShape, Field(discriminator="kind")
]
AnyPolicy = DensePolicy | GraphPolicy | ActorPolicy

_FIX: Final = "check the folder, its permissions and the disk, and give the same command again to go on"


class UnfitPolicyError(ValueError):
    """A policy is asked to play a network that it was not made for."""


class PolicyFile(BaseModel, frozen=True, extra="forbid"):
    """Content of the JSON file beside the weights."""

    shape: PolicyShape
    network: str | None = Field(default=None, description="signature of the network it was made for; None for any")
    network_name: str = Field(default="", description="the same for people")
    recipe: str = Field(description="name of the recipe that made it")


def signature(network: Network) -> str:
    """SHA-256 of the data that a policy for one network depends on: all but names, initial stocks and mean demands."""
    data = network_content(network.anonymous())
    for node in data["nodes"]:
        del node["initial_stock"]
    return hashlib.sha256(json.dumps(data, sort_keys=True).encode()).hexdigest()


def is_actor(shape: DenseShape | GraphShape | ActorShape) -> TypeIs[ActorShape]:
    """Say whether a policy is one of those that are trained by their rewards."""
    return isinstance(shape, MlpShape | GnnShape | TransformerShape | ResidualShape)


def make_policy(shape: PolicyShape, network: Network | None, structure: SupplyStructure | None) -> AnyPolicy:
    """Make an untrained policy.

    Args:
        shape: kind and size.
        network: the network that the policy is made for; None for a graph policy.
        structure: of that network.
    """
    if isinstance(shape, GraphShape):
        return GraphPolicy(shape)
    assert network is not None
    assert structure is not None
    return ActorPolicy(shape, network, structure) if is_actor(shape) else DensePolicy(shape, network, structure)


def save_policy(stem: Path, policy: nn.Module, description: PolicyFile) -> None:
    """Write both files of a policy.

    Args:
        stem: common path of the files, without endings.
        policy: its weights are written.
        description: content of the JSON file.

    Raises:
        ArenaError: If they cannot be written.
    """
    tensors = {name: value.detach().contiguous() for name, value in policy.state_dict().items()}
    text = json.dumps(description.model_dump(mode="json"), indent=2)
    with written_whole(stem.with_name(stem.name + ".safetensors")) as unfinished:
        save_file(tensors, unfinished)
    with written_whole(stem.with_name(stem.name + ".json")) as unfinished:
        unfinished.write_text(text + "\n", encoding="utf-8")


def read_policy_file(stem: Path) -> PolicyFile:
    """Read the description of a policy.

    Args:
        stem: common path of its files, without endings.

    Raises:
        ValueError: If the file is missing or breaks the schema.
    """
    path = stem.with_name(stem.name + ".json")
    try:
        return PolicyFile.model_validate_json(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ValueError(
            f"{path}: {error.strerror}; a policy is NAME.json and NAME.safetensors side by side"
        ) from error
    except ValidationError as error:
        raise ValueError(
            f"{path}: describes no policy ({error.errors()[0]['msg']}); write it by arena train"
        ) from error


def load_policy(stem: Path, briefing: BatchBriefing) -> AnyPolicy:
    """Load a policy for an episode, ready to play.

    Args:
        stem: common path of its files, without endings.
        briefing: of the episode.

    Raises:
        UnfitPolicyError: If the policy was made for another network.
        ValueError: If files are missing or damaged, or the policy was made for the other track.
    """
    description = read_policy_file(stem)
    if description.shape.informed != briefing.informed:
        made, played = ("informed", "blind") if description.shape.informed else ("blind", "informed")
        raise ValueError(f"{stem.name} is a policy of the {made} track and cannot play the {played} one")
    network = briefing.compiled.network
    if description.network is not None and description.network != signature(network):
        raise UnfitPolicyError(
            f"{stem.name} was trained for the network {description.network_name!r} and no other; "
            "train one for this network (arena train), or take a graph policy, which plays any"
        )
    policy = make_policy(description.shape, network, briefing.structure)
    path = stem.with_name(stem.name + ".safetensors")
    try:
        policy.load_state_dict(load_file(path))
    except (OSError, SafetensorError, RuntimeError) as error:
        raise ValueError(f"{path}: the weights cannot be read ({str(error).splitlines()[0]})") from error
    policy.eval()
    return policy.requires_grad_(False)


def policy_stems(name: str, folder: Path = SHIPPED) -> Iterator[Path]:
    """Stems of the files of a shipped policy: one for any network, or one per network.

    Args:
        name: of the policy.
        folder: where the package has its policies.

    Raises:
        ValueError: If the package ships no policy of that name.
    """
    found = sorted({path.with_suffix("") for path in folder.glob("*.json") if not path.name.endswith(ENDING)})
    chosen = [stem for stem in found if stem.name == name or stem.name.startswith(f"{name}.")]
    if not chosen:
        known = ", ".join(sorted({stem.name.partition(".")[0] for stem in found}))
        raise ValueError(f"no policy {name!r} is shipped; there are: {known}")
    yield from chosen


def shipped_policy(name: str, briefing: BatchBriefing, folder: Path = SHIPPED) -> AnyPolicy:
    """Load the shipped policy of a name that can play an episode.

    Args:
        name: of the policy.
        briefing: of the episode.
        folder: where the package has its policies.

    Raises:
        UnfitPolicyError: If none was made for this network; the message names the networks that there are.
        ValueError: If the package ships no policy of that name, or it is of the other track.
    """
    candidates = list(policy_stems(name, folder))
    here = signature(briefing.compiled.network)
    for stem in candidates:
        if read_policy_file(stem).network in (None, here):
            return load_policy(stem, briefing)
    made = ", ".join(read_policy_file(stem).network_name for stem in candidates)
    raise UnfitPolicyError(
        f"{name} was trained for these networks and no others: {made}; train one for this network (arena train "
        f"{name} --network FILE), or take a graph policy, which plays any"
    )


@contextlib.contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """Write a file whole or not at all.

    The context is the path of an unfinished file, which replaces ``path`` at the end, and is removed after an error.

    Raises:
        ArenaError: If it cannot be written; an older file is left as it was.
    """
    unfinished = path.with_name(path.name + ".unfinished")
    try:
        yield unfinished
        unfinished.replace(path)
    except (OSError, SafetensorError) as error:
        cause = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise ArenaError(f"{path}: cannot be written ({cause}); {_FIX}") from error
    finally:
        with contextlib.suppress(OSError):
            unfinished.unlink(missing_ok=True)
