"""Optimisers as named tensors, for checkpoints."""

from __future__ import annotations

import torch
from torch import Tensor


def get_optimizer(name: str, optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """The state of an optimiser, under names that begin with the given one."""
    return {
        f"{name}.{number}.{entry}": torch.as_tensor(value).clone()
        for number, state in optimizer.state_dict()["state"].items()
        for entry, value in state.items()
    }


def put_optimizer(name: str, optimizer: torch.optim.Optimizer, tensors: dict[str, Tensor]) -> None:
    """Give an optimiser of the same parameters the state that `get_optimizer` took."""
    state = optimizer.state_dict()
    state["state"] = {}
    for key, value in tensors.items():
        if key.startswith(f"{name}."):
            number, entry = key.removeprefix(f"{name}.").split(".")
            state["state"].setdefault(int(number), {})[entry] = value.clone()
    optimizer.load_state_dict(state)
