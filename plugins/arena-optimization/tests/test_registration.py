"""What the package declares, what it costs to ask, and which settings it takes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import BaseModel, ValidationError
from pydantic_faults import refused

from arena import load_submissions
from arena_optimization import arena_controllers

REPOSITORY = Path(__file__).resolve().parents[3]
TRACKS = {
    "oracle": ("oracle",),
    "oracle-published": ("oracle",),
    "bound": ("oracle",),
    "dlp": ("blind", "informed"),
    "mssp": ("blind", "informed"),
    "stochastic-program": ("blind", "informed"),
}
SUBMISSIONS = {
    "bound": ("bound", "oracle"),
    "dlp": ("dlp", "blind"),
    "dlp-informed": ("dlp", "informed"),
    "mssp": ("mssp", "blind"),
    "mssp-informed": ("mssp", "informed"),
    "oracle": ("oracle", "oracle"),
    "oracle-published": ("oracle-published", "oracle"),
    "stochastic-program": ("stochastic-program", "informed"),
    "stochastic-program-blind": ("stochastic-program", "blind"),
}


def test_six_controllers_are_declared_with_their_tracks() -> None:
    specs = list(arena_controllers())
    assert {spec.name: spec.tracks for spec in specs} == TRACKS
    assert len(specs) == len(TRACKS)


def test_every_declared_controller_is_made_from_its_settings() -> None:
    for spec in arena_controllers():
        controller = spec.factory(spec.config())
        assert callable(controller.begin)
        assert callable(controller.order)


def imported_by(code: str) -> set[str]:
    """Which of the solver's packages a fresh Python has imported after some code."""
    question = f"{code}\nimport sys\nprint(*(name for name in ('pyomo', 'highspy') if name in sys.modules))"
    # The same flags of import as here, without what a test run adds.
    done = subprocess.run([sys.executable, "-c", question], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_a_listing_imports_no_solver() -> None:
    listing = "from arena_optimization import arena_controllers\n[str(spec) for spec in arena_controllers()]"
    assert imported_by(listing) == set()
    made = f"{listing}\nspec = next(iter(arena_controllers()))\nspec.factory(spec.config())"
    assert imported_by(made) == {"pyomo", "highspy"}


@pytest.mark.parametrize("spec", list(arena_controllers()), ids=lambda spec: spec.name)
def test_unknown_settings_are_refused(spec: object) -> None:
    config: type[BaseModel] = spec.config  # type: ignore[attr-defined]
    with refused(("base_mean", "extra_forbidden")):
        config.model_validate({"base_mean": 20.0})
    assert config.model_validate({"gap": 0.01})


@pytest.mark.parametrize(("part", "key"), [("structure", "base_mean"), ("level", "mean"), ("goodwill", "foresight")])
def test_unknown_settings_of_the_belief_are_refused(part: str, key: str) -> None:
    [spec] = [spec for spec in arena_controllers() if spec.name == "stochastic-program"]
    with refused((f"belief.{part}.{key}", "extra_forbidden")):
        spec.config.model_validate({"belief": {part: {key: 1.0}}})
    assert spec.config.model_validate({"belief": {part: {}}})


@pytest.mark.parametrize(
    ("name", "field", "value", "good"),
    [
        ("dlp", "time_share", 0.0, 0.5),
        ("dlp", "window", 0, 1),
        ("mssp", "paths", 0, 1),
        ("mssp", "prior_mean", 0.0, 20.0),
        ("stochastic-program", "rounds", 0, 1),
        ("stochastic-program", "shortage_weight", -1.0, 0.0),
        ("oracle", "time_limit", 0.0, 1.0),
    ],
)
def test_settings_out_of_range_are_refused(name: str, field: str, value: float, good: float) -> None:
    [spec] = [spec for spec in arena_controllers() if spec.name == name]
    with pytest.raises(ValidationError, match=field):
        spec.config.model_validate({field: value})
    assert getattr(spec.config.model_validate({field: good}), field) == good


@pytest.mark.parametrize("name", SUBMISSIONS)
def test_shipped_submissions_are_valid(name: str) -> None:
    controller, track = SUBMISSIONS[name]
    [submission] = load_submissions([REPOSITORY / "submissions" / f"{name}.yaml"]).require()
    assert (submission.name, submission.controller, submission.track) == (name, controller, track)


def test_no_shipped_submission_of_this_package_is_left_out() -> None:
    ours = {spec.name for spec in arena_controllers()}
    loaded = load_submissions(sorted((REPOSITORY / "submissions").glob("*.yaml"))).require()
    assert {one.name for one in loaded if one.controller in ours} == set(SUBMISSIONS)
