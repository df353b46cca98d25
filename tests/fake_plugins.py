"""Plugins for tests, made in a moment: an importable folder with the metadata that an installed package has."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

CONTROLLER = '''
"""A plugin whose controller orders the same quantity in every period."""

import numpy as np
from pydantic import BaseModel, Field

from arena import ControllerSpec, hookimpl


class Config(BaseModel, frozen=True, extra="forbid"):
    quantity: float = Field(default=20.0, ge=0)


class Constant:
    def __init__(self, config):
        self.config = config

    def begin(self, briefing):
        self.links = len(briefing.order_bound)

    def order(self, observation):
        return np.full(self.links, self.config.quantity)


@hookimpl
def {hook}():
    return [ControllerSpec(name="{name}", config=Config, tracks=("blind",), factory=Constant, summary="a constant")]
'''
"""Source of a plugin that works when `hook` is arena_controllers."""


def controller_source(name: str, hook: str = "arena_controllers") -> str:
    """Return the source of a plugin module with one controller.

    Args:
        name: Name of the controller.
        hook: Name of the function that declares it.
    """
    return CONTROLLER.format(name=name, hook=hook)


def write_plugin(
    place: Path, distribution: str, module: str, source: str, *, entry_points: Mapping[str, str] | None = None
) -> Path:
    """Write a package as an installation would leave it, and return the folder for the import path.

    Args:
        place: Folder in which it is made.
        distribution: Name of the package.
        module: Name of its one module; unique in a test session, since modules stay imported.
        source: Content of the module.
        entry_points: Module by entry-point name; by default one entry point with the module's name.
    """
    folder = place / distribution
    metadata = folder / f"{distribution.replace('-', '_')}-1.0.dist-info"
    metadata.mkdir(parents=True)
    (folder / f"{module}.py").write_text(source, encoding="utf-8")
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.0\n")
    lines = [f"{name} = {target}" for name, target in (entry_points or {module: module}).items()]
    (metadata / "entry_points.txt").write_text("\n".join(["[arena-test]", *lines, "[arena]", *lines]) + "\n")
    return folder
