"""The training card of the fitted parameters, from the table that plays."""

from __future__ import annotations

import hashlib
from importlib.resources import files

from arena import Track, TrainingCard
from arena_llm.fitted import ANY_NETWORK, load_fitted


def fitted_card(track: Track) -> TrainingCard:
    """Return the card of a track's table.

    Args:
        track: `blind` or `informed`.
    """
    table = load_fitted(track)
    settings = table.settings
    own = ", ".join(settings["networks"])
    others = ", ".join(settings["others"])
    content = (files(__package__) / f"{track}.json").read_bytes()
    return TrainingCard(
        name=f"fitted {track}",
        summary="six parameters of the ordering rule by stage of the horizon, fitted by CMA-ES",
        recipe=f"python -m arena_llm.fitting {track} {track}.json",
        worlds=(
            f"training scenarios of the package (digest {settings['training'][:12]}): an entry each for {own}; for any "
            f"other network one that was fitted on {others}"
        ),
        budget=f"{settings['generations']} generations of {settings['candidates']} candidates, {settings['episodes']} "
        "episodes each",
        seed=settings["seed"],
        weights=sum(len(stage) for entry in table.entries for stage in entry.stages),
        digest=hashlib.sha256(content).hexdigest(),
        score=round(next(one.objective for one in table.entries if one.network == ANY_NETWORK), 4),
        score_meaning="what the fit for any network reached on its own training scenarios, shortage owed; no scenario "
        "of a competition is among them",
        made_with=", ".join(f"{name} {version}" for name, version in sorted(settings["versions"].items())),
    )
