"""What the plugins' tests of what they ship share: what a controller earns, and whether it conforms."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from arena import Controller, Simulator, Track, TrackView, load_scenario, load_submissions
from arena.testing import ConformanceResult, check_submission

ARENA = Path(sys.executable).with_name("arena")


def profit_of(controller: Controller, name: str, track: Track) -> float:
    """Mean profit of three episodes of a scenario."""
    scenario = load_scenario(name)
    view, simulator = TrackView(scenario, track), Simulator(scenario)
    total = 0.0
    for seed in range(3):
        simulator.start(seed)
        controller.begin(view.brief(seed=0))
        while not simulator.finished:
            total += simulator.step(controller.order(view.observe(simulator.state)).clip(0, scenario.order_bound))
    return total / 3


def checked(manifest: Path) -> ConformanceResult:
    """What the kit finds of a submission on every network that it has, in this process."""
    (submission,) = load_submissions([manifest]).require()
    return check_submission(submission, isolation="trusted")


def checked_at(level: str, manifest: Path) -> dict[str, Any]:
    """What ``arena check`` says of a submission at an isolation level; one that does not work here skips the test."""
    command = [str(ARENA), "check", str(manifest), "--isolation", level, "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if f'isolation level "{level}" does not work here' in done.stderr:
        pytest.skip(done.stderr.strip())
    assert done.returncode == 0, done.stderr + done.stdout
    (result,) = json.loads(done.stdout)
    return dict(result)


def require_card_of(stem: Path) -> None:
    """Hold the card of a shipped policy, as data, against the one that people read."""
    from arena import TrainingCard
    from arena_rl.training.card import describe_worlds

    text = stem.with_name(stem.name + ".card.md").read_text(encoding="utf-8")
    card = TrainingCard.model_validate_json(stem.with_name(stem.name + ".card.json").read_text(encoding="utf-8"))
    assert text.startswith(f"# {card.name}\n\n{card.summary}\n")
    for line in (f"Weights: {card.weights:,}", f"Budget: {card.budget}", f"Made with: {card.made_with}"):
        assert f"- {line}\n" in text
    assert f"- Validation at the end: {card.score:.4f}\n" in text
    rows = [f"| {point.steps:,} | {point.loss:.4f} | {point.score:.4f} |" for point in card.curve]
    assert rows == re.findall(r"^\| [\d,]+ \|.*$", text, re.MULTILINE)
    recipe = json.loads(text.partition("```json")[2].partition("```")[0])
    assert (card.recipe, card.seed) == (recipe["name"], recipe["seed"])
    assert card.worlds == describe_worlds(recipe, card.network)


def cards_without_torch(submissions: Path, controller: str) -> dict[str, list[str]]:
    """Digests of the weights on the cards of a controller's submissions, loaded by a process that never sees torch."""
    code = (
        "import json, sys; from arena import load_submissions; found = load_submissions(sys.argv[1]).submissions; "
        "assert 'torch' not in sys.modules; "
        "print(json.dumps([[one.name, one.controller, [card.digest for card in one.cards]] for one in found]))"
    )
    done = subprocess.run([sys.executable, "-c", code, str(submissions)], capture_output=True, text=True, check=True)
    return {name: digests for name, named, digests in json.loads(done.stdout) if named == controller}
