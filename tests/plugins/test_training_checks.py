"""The checks of trainings: each is seen to pass, and to fail on a training that breaks its rule."""

from __future__ import annotations

import dataclasses
import json
import os
import random
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from arena import PluginError, TrainingPoint, TrainingRequest, TrainingSpec, UnknownName
from arena.testing import TRAINING_CHECKS, Check, CheckFailed, training_checks

Tell = Callable[[TrainingPoint], None]
POINTS = 4


class Steady:
    """Keeps every rule: draws by its seed, and leaves a checkpoint after every point. Others break one rule each."""

    def __call__(self, request: TrainingRequest, tell: Tell) -> tuple[Path, ...]:
        request.output.mkdir(parents=True, exist_ok=True)
        done, drawn = self.begin(request)
        total = request.steps or 1000
        while done < POINTS:
            done += 1
            drawn.append(random.Random(f"{self.seed(request)} {done}").random())
            (request.output / "checkpoint.json").write_text(json.dumps([done, drawn]))
            self.tell(tell, TrainingPoint("steady", self.steps(done, total), total, -drawn[-1], drawn[-1]))
        return self.finish(request, drawn)

    def begin(self, request: TrainingRequest) -> tuple[int, list[float]]:
        checkpoint = request.output / "checkpoint.json"
        return tuple(json.loads(checkpoint.read_text())) if checkpoint.exists() else (0, [])  # type: ignore[return-value]

    def seed(self, request: TrainingRequest) -> int:
        return request.seed or 0

    def steps(self, done: int, total: int) -> int:
        return total * done // POINTS

    def tell(self, tell: Tell, point: TrainingPoint) -> None:
        tell(point)

    def finish(self, request: TrainingRequest, drawn: list[float]) -> tuple[Path, ...]:
        path = request.output / "weights.json"
        path.write_text(json.dumps(drawn))
        return (path,)


class Tuples(Steady):
    def tell(self, tell: Tell, point: TrainingPoint) -> None:
        tell((point.policy, point.steps, point.total))  # type: ignore[arg-type]


class NumbersAsText(Steady):
    def tell(self, tell: Tell, point: TrainingPoint) -> None:
        tell(dataclasses.replace(point, loss="0.5"))  # type: ignore[arg-type]


class Leaves(Steady):
    def finish(self, request: TrainingRequest, drawn: list[float]) -> tuple[Path, ...]:
        raise SystemExit(3)


class MakesNothing(Steady):
    def finish(self, request: TrainingRequest, drawn: list[float]) -> tuple[Path, ...]:
        return ()


class ReturnsText(Steady):
    def finish(self, request: TrainingRequest, drawn: list[float]) -> Any:
        return str(super().finish(request, drawn)[0])


class Promises(Steady):
    def finish(self, request: TrainingRequest, drawn: list[float]) -> tuple[Path, ...]:
        return (request.output / "weights.json",)


class PutsItBeside(Steady):
    def finish(self, request: TrainingRequest, drawn: list[float]) -> tuple[Path, ...]:
        path = request.output.parent / "weights.json"
        path.write_text(json.dumps(drawn))
        return (path,)


class Fails(Steady):
    def finish(self, request: TrainingRequest, drawn: list[float]) -> tuple[Path, ...]:
        raise LookupError("no weights")


class Silent(Steady):
    def tell(self, tell: Tell, point: TrainingPoint) -> None:
        pass


class NotANumber(Steady):
    def tell(self, tell: Tell, point: TrainingPoint) -> None:
        tell(TrainingPoint(point.policy, point.steps, point.total, point.loss, float("nan")))


class StandsStill(Steady):
    def steps(self, done: int, total: int) -> int:
        return total


class Overshoots(Steady):
    def steps(self, done: int, total: int) -> int:
        return total * done


class Words(Steady):
    def tell(self, tell: Any, point: TrainingPoint) -> None:
        tell(f"{point.steps} steps")


class Dice(Steady):
    def seed(self, request: TrainingRequest) -> int:
        return random.SystemRandom().getrandbits(64)


class OtherWeights(Steady):
    def finish(self, request: TrainingRequest, drawn: list[float]) -> tuple[Path, ...]:
        return super().finish(request, [random.SystemRandom().random()])


class BeginsAnew(Steady):
    def begin(self, request: TrainingRequest) -> tuple[int, list[float]]:
        return 0, []


class NeedsANewFolder(Steady):
    def begin(self, request: TrainingRequest) -> tuple[int, list[float]]:
        if any(request.output.iterdir()):
            raise FileExistsError("there is something already")
        return 0, []


class GoesOn(Steady):
    def tell(self, tell: Tell, point: TrainingPoint) -> None:
        try:
            tell(point)
        except KeyboardInterrupt:
            return


class RaisesOthers(Steady):
    def tell(self, tell: Tell, point: TrainingPoint) -> None:
        try:
            tell(point)
        except KeyboardInterrupt as error:
            raise RuntimeError("interrupted") from error


class StopsShort(Steady):
    """After an interruption it is content with what there is."""

    def begin(self, request: TrainingRequest) -> tuple[int, list[float]]:
        done, drawn = super().begin(request)
        return (POINTS if done else 0), drawn


class RenamesWhenItGoesOn(Steady):
    def begin(self, request: TrainingRequest) -> tuple[int, list[float]]:
        done, drawn = super().begin(request)
        self.name = "resumed.json" if done else "weights.json"
        return done, drawn

    def finish(self, request: TrainingRequest, drawn: list[float]) -> tuple[Path, ...]:
        return (super().finish(request, drawn)[0].rename(request.output / self.name),)


class WritesHere(Steady):
    def finish(self, request: TrainingRequest, drawn: list[float]) -> tuple[Path, ...]:
        Path("log.txt").write_text("done")
        return super().finish(request, drawn)


class WritesBeside(Steady):
    def finish(self, request: TrainingRequest, drawn: list[float]) -> tuple[Path, ...]:
        (request.output.parent / "stray").mkdir()
        return super().finish(request, drawn)


class LogsBeside(Steady):
    def finish(self, request: TrainingRequest, drawn: list[float]) -> tuple[Path, ...]:
        (request.output.parent / "log.txt").write_text("done")
        return super().finish(request, drawn)


class UsesTemporaryFiles(Steady):
    def finish(self, request: TrainingRequest, drawn: list[float]) -> tuple[Path, ...]:
        with tempfile.NamedTemporaryFile("w") as file, open(os.devnull, "w") as nothing:  # noqa: PTH123 - a device
            file.write("for a while")
            nothing.write("for nobody")
        return super().finish(request, drawn)


BREAKERS = [
    ("trains", MakesNothing, "returned no file"),
    ("trains", ReturnsText, "it must return a tuple of paths"),
    ("trains", Promises, "returned weights.json, and there is no such file"),
    ("trains", PutsItBeside, "which is not in the folder of the request"),
    ("trains", Fails, "raised LookupError: no weights"),
    ("reports", Silent, "told no point of its learning curve"),
    ("reports", NotANumber, "told a number that is not finite: TrainingPoint"),
    ("reports", StandsStill, "told steps that do not grow, after 256"),
    ("reports", Overshoots, "told steps that are not within 1 and the total"),
    ("reports", Words, "told '64 steps'; tell arena.TrainingPoint objects"),
    ("reports", NumbersAsText, "told loss '0.5', which is not a number: TrainingPoint"),
    ("resumes", Words, "told '64 steps'; tell arena.TrainingPoint objects"),
    ("resumes", Tuples, r"told \('steady', 64, 256\); tell arena.TrainingPoint objects"),
    ("resumes", NumbersAsText, "told loss '0.5', which is not a number: TrainingPoint"),
    ("trains", Leaves, "raised SystemExit: 3"),
    ("resumes", Leaves, "raised SystemExit: 3"),
    ("deterministic", Dice, r"told TrainingPoint\(.*\) and, in a second run, TrainingPoint\("),
    ("deterministic", OtherWeights, "made another weights.json in a second run; draw everything from"),
    ("resumes", BeginsAnew, "began anew after an interruption at 128 steps"),
    ("resumes", NeedsANewFolder, "raised FileExistsError: there is something already"),
    ("resumes", GoesOn, "went on when it was interrupted; let KeyboardInterrupt through"),
    ("resumes", RaisesOthers, "raised RuntimeError when it was interrupted"),
    ("resumes", StopsShort, "ended at 128 of 256 steps after an interruption, and else at 256 of 256"),
    ("resumes", RenamesWhenItGoesOn, "made other files after an interruption: resumed.json, weights.json"),
    ("resumes", Silent, "told no point at which it could be interrupted"),
    ("writes-where-told", WritesHere, r"wrote elsewhere: log\.txt; write into the folder"),
    ("writes-where-told", LogsBeside, r"wrote elsewhere: .*/log\.txt; write into the folder"),
    ("writes-where-told", WritesBeside, r"wrote elsewhere: .*/stray; write into the folder"),
]


def checks(run: Any, /, **changes: Any) -> dict[str, Check]:
    fields: dict[str, Any] = {"name": "under-test", "summary": "a training under test", "run": run}
    spec = TrainingSpec(**(fields | changes))
    return {check.name: check for check in training_checks(spec)}


@pytest.mark.parametrize("name", TRAINING_CHECKS)
@pytest.mark.parametrize("training", [Steady, UsesTemporaryFiles])
def test_a_training_that_conforms_passes_every_check(training: type[Steady], name: str) -> None:
    before = Path.cwd(), tempfile.gettempdir()
    checks(training())[name]()
    assert (Path.cwd(), tempfile.gettempdir()) == before


def test_every_check_is_seen_to_fail() -> None:
    assert list(checks(Steady())) == list(TRAINING_CHECKS)
    assert {name for name, _, _ in BREAKERS} == set(TRAINING_CHECKS) - {"declared"}


@pytest.mark.parametrize(("name", "training", "message"), BREAKERS)
def test_a_training_that_breaks_a_rule_fails_its_check(name: str, training: type[Steady], message: str) -> None:
    with pytest.raises(CheckFailed, match=f"training under-test, {name}: .*{message}"):
        checks(training())[name]()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"name": "Under Test"}, "its name must be a slug"),
        ({"run": None}, "run a function"),
        ({"summary": ""}, "summary"),
    ],
)
def test_a_declaration_that_breaks_a_rule_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(PluginError, match=message):
        checks(Steady(), **changes)["declared"]()
    checks(Steady())["declared"]()


def test_an_unknown_training_is_named() -> None:
    with pytest.raises(UnknownName, match="unknown training"):
        training_checks("no-such-training")[0]()


def test_the_checks_share_a_run_and_pass_the_request_on() -> None:
    requests = []

    class Noted(Steady):
        def __call__(self, request: TrainingRequest, tell: Tell) -> tuple[Path, ...]:
            requests.append(request)
            return super().__call__(request, tell)

    spec = TrainingSpec("under-test", "a training under test", Noted())
    for check in training_checks(spec, network="serial", steps=512, seed=3):
        check()
    assert len(requests) == 4
    assert {(request.network, request.steps, request.seed) for request in requests} == {("serial", 512, 3)}


@pytest.mark.parametrize("training", [Words, Tuples, NumbersAsText, NotANumber])
def test_equal_points_are_equal_whatever_they_are(training: type[Steady]) -> None:
    checks(training())["deterministic"]()
