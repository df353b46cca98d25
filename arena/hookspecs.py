"""The whole plugin contract.

A plugin is a package with an entry point in the group `arena` that names a module; the module implements the hooks
below with `hookimpl`::

    [project.entry-points.arena]
    my-rules = "my_rules"

Everything a plugin needs is importable from the top level of `arena`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pluggy

from arena.contract.controller import ControllerSpec
from arena.contract.language_model import LlmClientSpec
from arena.contract.suites import SuiteSpec
from arena.contract.training import TrainingSpec

hookspec = pluggy.HookspecMarker("arena")
hookimpl = pluggy.HookimplMarker("arena")


@hookspec
def arena_controllers() -> Iterable[ControllerSpec[Any]]:  # type: ignore[empty-body] # plugins have the body
    """Declare the controllers that this plugin offers.

    Called once when the plugin is loaded: in a locked process that describes the plugin, in each seat of its
    controllers, and in the arena's own process only if the package is the arena's own or trusted. It returns
    declarations only, so it must be cheap: heavy libraries are imported inside the factory of a specification, which is
    called once per episode (once per node and episode on the decentralised track).

    Returns:
        One specification per controller. Names are slugs (`order-up-to`) and unique over all installed plugins.
    """


@hookspec
def arena_trainings() -> Iterable[TrainingSpec]:  # type: ignore[empty-body] # a declaration; plugins have the body
    """Declare the trainings that this plugin offers to ``arena train``; a plugin without any leaves the hook out.

    Called by that command only, which trains in the arena's own process; so packages other than the arena's own have to
    be trusted for it (``--trust PACKAGE``). As with controllers, heavy libraries are imported when a training runs.

    Returns:
        One specification per training. Names are slugs and unique over all installed plugins.
    """


@hookspec
def arena_llm_clients() -> Iterable[LlmClientSpec]:  # type: ignore[empty-body] # a declaration, as above
    """Declare the clients of language models that this plugin offers; most plugins offer none.

    A client speaks to an endpoint from the arena's own process, never from a controller's; so packages other than the
    arena's own have to be trusted for it (``--trust PACKAGE``). Called once when the plugin
    is loaded; heavy libraries are imported inside `connect`.

    Returns:
        One specification per client. Names are slugs (`openai`) and unique over all installed plugins.
    """


@hookspec
def arena_suites() -> Iterable[SuiteSpec[Any]]:  # type: ignore[empty-body] # a declaration, as above
    """Declare the suites that this plugin builds from options, such as a folder of data; most plugins have none.

    A suite is built in the arena's own process; so packages other than the arena's own have to be trusted for it
    (``--trust PACKAGE``). Called when a suite is named that is neither the arena's own nor a file, and by ``arena list
    suites``; heavy libraries are imported inside `build`.

    Returns:
        One specification per suite. Names are slugs (`my-board`) and unique over all installed plugins.
    """
