"""Trained policies on disk: safetensors for the numbers, JSON for what they mean; nothing is ever unpickled.

A policy is two files of one stem: ``NAME.safetensors`` and ``NAME.json``. The shipped ones lie in the package, one stem
per policy, or per policy and network (``hdpo-informed.serial``) where a policy is made for one network.
"""

from __future__ import annotations

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

from arena import Network
from arena_rl.inputs.echelon_positions import Reach
from arena_rl.inputs.observations import Setting
from arena_rl.policies.actor import ActorPolicy
from arena_rl.policies.actor_shapes import ActorShape, GnnShape, MlpShape, ResidualShape, TransformerShape
from arena_rl.policies.dense import DensePolicy, DenseShape
from arena_rl.policies.files import replacing
from arena_rl.policies.graph_network import GraphPolicy, GraphShape

SHIPPED: Final = Path(__file__).parents[1] / "weights"

Shape = Annotated[
    DenseShape | GraphShape | MlpShape | GnnShape | TransformerShape | ResidualShape, Field(discriminator="kind")
]
AnyPolicy = DensePolicy | GraphPolicy | ActorPolicy


class UnfitPolicyError(ValueError):
    """A policy that was made for other networks than the one it should play."""


class PolicyFile(BaseModel, frozen=True, extra="forbid"):
    """What the JSON file beside the weights says."""

    shape: Shape
    network: str | None = Field(default=None, description="signature of the network it was made for; None for any")
    network_name: str = Field(default="", description="the same for people")
    recipe: str = Field(description="name of the recipe that made it")


def signature(network: Network) -> str:
    """SHA-256 of what a policy for one network depends on: all of it but names, initial stocks and mean demands."""
    data = network.anonymous().model_dump(mode="json", by_alias=True)
    for node in data["nodes"]:
        del node["initial_stock"]
    return hashlib.sha256(json.dumps(data, sort_keys=True).encode()).hexdigest()


def is_actor(shape: DenseShape | GraphShape | ActorShape) -> TypeIs[ActorShape]:
    """Whether a policy is one of those that are trained by their rewards."""
    return isinstance(shape, MlpShape | GnnShape | TransformerShape | ResidualShape)


def make_policy(shape: Shape, network: Network | None, reach: Reach | None) -> AnyPolicy:
    """An untrained policy.

    Args:
        shape: its kind and size.
        network: what the policy is made for; graph policies need none.
        reach: of that network.
    """
    if isinstance(shape, GraphShape):
        return GraphPolicy(shape)
    assert network is not None
    assert reach is not None
    return ActorPolicy(shape, network, reach) if is_actor(shape) else DensePolicy(shape, network, reach)


def save_policy(stem: Path, policy: nn.Module, about: PolicyFile) -> None:
    """Write both files; ``stem`` is their common path without endings.

    Raises:
        ArenaError: If they cannot be written.
    """
    tensors = {name: value.detach().contiguous() for name, value in policy.state_dict().items()}
    text = json.dumps(about.model_dump(mode="json"), indent=2)
    with replacing(stem.with_name(stem.name + ".safetensors")) as unfinished:
        save_file(tensors, unfinished)
    with replacing(stem.with_name(stem.name + ".json")) as unfinished:
        unfinished.write_text(text + "\n", encoding="utf-8")


def read_policy_file(stem: Path) -> PolicyFile:
    """Read what the weights are.

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


def load_policy(stem: Path, setting: Setting) -> AnyPolicy:
    """Load a policy for an episode, ready to play.

    Args:
        stem: common path of its files, without endings.
        setting: of the episode.

    Raises:
        ValueError: If files are missing or damaged, or the policy was made for another network or track.
    """
    about = read_policy_file(stem)
    if about.shape.informed != setting.informed:
        made, played = ("informed", "blind") if about.shape.informed else ("blind", "informed")
        raise ValueError(f"{stem.name} is a policy of the {made} track and cannot play the {played} one")
    network = setting.compiled.network
    if about.network is not None and about.network != signature(network):
        raise UnfitPolicyError(
            f"{stem.name} was trained for the network {about.network_name!r} and no other; "
            "train one for this network (arena train), or take a graph policy, which plays any"
        )
    policy = make_policy(about.shape, network, setting.reach)
    path = stem.with_name(stem.name + ".safetensors")
    try:
        policy.load_state_dict(load_file(path))
    except (OSError, SafetensorError, RuntimeError) as error:
        raise ValueError(f"{path}: the weights cannot be read ({str(error).splitlines()[0]})") from error
    policy.eval()
    return policy.requires_grad_(False)


def stems(name: str, folder: Path = SHIPPED) -> Iterator[Path]:
    """The policies of a name that a package ships: one for any network, or one per network.

    Args:
        name: of the policy.
        folder: where the package has its policies.

    Raises:
        ValueError: If nothing of that name is shipped.
    """
    found = sorted({path.with_suffix("") for path in folder.glob("*.json")})
    chosen = [stem for stem in found if stem.name == name or stem.name.startswith(f"{name}.")]
    if not chosen:
        known = ", ".join(sorted({stem.name.partition(".")[0] for stem in found}))
        raise ValueError(f"no policy {name!r} is shipped; there are: {known}")
    yield from chosen


def shipped_policy(name: str, setting: Setting, folder: Path = SHIPPED) -> AnyPolicy:
    """The policy of a name that a package ships and that can play an episode.

    Args:
        name: of the policy.
        setting: of the episode.
        folder: where the package has its policies.

    Raises:
        UnfitPolicyError: If there is none for this network; the message names the networks that there are.
        ValueError: If there is none of this name, or it is of the other track.
    """
    candidates = list(stems(name, folder))
    here = signature(setting.compiled.network)
    for stem in candidates:
        about = read_policy_file(stem)
        if about.network in (None, here):
            return load_policy(stem, setting)
    made = ", ".join(read_policy_file(stem).network_name for stem in candidates)
    raise UnfitPolicyError(
        f"{name} was trained for these networks and no others: {made}; train one for this network (arena train "
        f"{name} --network FILE), or take a graph policy, which plays any"
    )


__all__ = [
    "SHIPPED",
    "AnyPolicy",
    "PolicyFile",
    "Shape",
    "UnfitPolicyError",
    "is_actor",
    "load_policy",
    "make_policy",
    "read_policy_file",
    "save_policy",
    "shipped_policy",
    "signature",
    "stems",
]
