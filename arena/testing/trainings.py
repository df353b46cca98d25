"""The conformance kit of trainings: small requests, run in this process into folders that are thrown away."""

from __future__ import annotations

import dataclasses
import functools
import math
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from numbers import Integral, Real
from pathlib import Path
from typing import Final

from arena.contract.training import TrainingPoint, TrainingRequest, TrainingSpec
from arena.declarations import check_training
from arena.errors import printable, unknown_name
from arena.plugins import discover_trainings
from arena.testing.check import Check, CheckFailed, everybody, make_checks
from arena.testing.writes import watched

TRAINING_CHECKS: Final[Mapping[str, str]] = {
    "declared": "is declared by the rules of the contract",
    "trains": "makes its folder, and returns the files of its policies, which are there and in it",
    "reports": "tells points of its learning curve, of finite numbers, with growing steps of a total",
    "deterministic": "tells equal points and makes equal files in two runs of equal requests",
    "resumes": "lets an interruption through, and goes on from there to the same files when it is called again",
    "writes-where-told": "writes nowhere but into its folder",
}
"""The checks of a training: description by name."""

_LISTED: Final = 5


@dataclass(frozen=True)
class _Run:
    """What one run of a training showed.

    Attributes:
        points: what it told.
        files: content of the files that it returned, by their path in the output folder.
        strays: what it wrote elsewhere.
    """

    points: tuple[TrainingPoint, ...]
    files: Mapping[str, bytes]
    strays: frozenset[str]


def training_checks(
    training: TrainingSpec | str, *, network: str | None = None, steps: int = 256, seed: int = 7
) -> tuple[Check, ...]:
    """Return the checks of a training, one for every name in `TRAINING_CHECKS`.

    Nothing is run before the first check is called. Together the checks train four times by one request, so choose one
    that takes seconds; ``deterministic`` and ``resumes`` need two of these runs for themselves.

    Args:
        training: A specification, or the name of an installed training.
        network: Network of the request; None leaves it to the training.
        steps: Environment steps of the request; with two points of the learning curve or more, ``resumes`` sees more.
        seed: Seed of the request.

    Returns:
        The checks. They raise `CheckFailed`; `PluginError` where the declaration breaks a rule, and `UnknownName` for
        a name that no plugin gives.
    """

    @functools.cache
    def examination() -> _Examination:
        spec = _find(training) if isinstance(training, str) else training
        check_training(spec)
        # Trainings run in a working folder of their own, where a relative path would lead nowhere.
        place = str(Path(network).absolute()) if network is not None and Path(network).is_file() else network
        return _Examination(spec, TrainingRequest(Path(), place, steps, seed))

    return make_checks(TRAINING_CHECKS, lambda name: examination().examine(name))


def _find(name: str) -> TrainingSpec:
    trainings = discover_trainings(trust=everybody()).trainings
    if name not in trainings:
        raise unknown_name("training", name, trainings)
    return trainings[name]


class _Examination:
    """The checks of one training, which share its first run."""

    def __init__(self, spec: TrainingSpec, request: TrainingRequest) -> None:
        self._spec = spec
        self._request = request
        self._check = ""
        self._first: _Run | None = None

    def examine(self, name: str) -> None:
        """Do one check."""
        self._check = name
        rules: Mapping[str, Callable[[_Run], None]] = {
            "trains": self._trains,
            "reports": self._reports,
            "deterministic": self._deterministic,
            "resumes": self._resumes,
            "writes-where-told": self._writes_where_told,
        }
        if name in rules:
            if self._first is None:
                with tempfile.TemporaryDirectory() as place:
                    self._first = self._run(Path(place) / "training")
            rules[name](self._first)

    def _trains(self, run: _Run) -> None:
        self._require(bool(run.files), "returned no file; return those of the trained policies")

    def _reports(self, run: _Run) -> None:
        self._require(bool(run.points), "told no point of its learning curve")
        before: dict[str, int] = {}
        for point in run.points:
            self._require_point(point)
            is_finite = math.isfinite(point.loss) and math.isfinite(point.score)
            self._require(bool(point.policy), f"told a point of no policy: {point}")
            self._require(is_finite, f"told a number that is not finite: {point}")
            self._require(0 < point.steps <= point.total, f"told steps that are not within 1 and the total: {point}")
            last = before.get(point.policy, 0)
            self._require(point.steps > last, f"told steps that do not grow, after {last}: {point}")
            before[point.policy] = point.steps

    def _deterministic(self, run: _Run) -> None:
        with tempfile.TemporaryDirectory() as place:
            again = self._run(Path(place) / "training")
        cure = "draw everything from generators of the request's seed"
        for one, other in zip(run.points, again.points, strict=False):
            # As text, in which a number that is none equals itself.
            self._require(repr(one) == repr(other), f"told {one} and, in a second run, {other}; {cure}")
        self._require(len(run.points) == len(again.points), "told another number of points in a second run")
        self._require(set(run.files) == set(again.files), "made other files in a second run")
        changed = sorted(name for name in run.files if run.files[name] != again.files[name])
        self._require(not changed, f"made another {', '.join(changed[:_LISTED])} in a second run; {cure}")

    def _resumes(self, run: _Run) -> None:
        self._require(bool(run.points), "told no point at which it could be interrupted")
        interrupted = min(1, len(run.points) - 1)
        with tempfile.TemporaryDirectory() as place:
            told = self._interrupt(Path(place) / "training", interrupted)
            rest = self._run(Path(place) / "training")
        for point in (*run.points, *told, *rest.points):
            self._require_point(point)
        missing = sorted(set(run.files) ^ set(rest.files))
        self._require(not missing, f"made other files after an interruption: {', '.join(missing[:_LISTED])}")
        first, end, last = run.points[0], run.points[-1], [*told, *rest.points][-1]
        is_same = (last.policy, last.steps, last.total) == (end.policy, end.steps, end.total)
        found, others = f"{last.steps} of {last.total}", f"{end.steps} of {end.total}"
        self._require(is_same, f"ended at {found} steps after an interruption, and else at {others}")
        if interrupted and rest.points and rest.points[0].policy == first.policy:
            begins_anew = rest.points[0].steps <= first.steps
            at = f"{run.points[1].steps} steps"
            rule = "begin with the last checkpoint in the folder of the request"
            self._require(not begins_anew, f"began anew after an interruption at {at}; {rule}")

    def _writes_where_told(self, run: _Run) -> None:
        strays = sorted(run.strays)
        rule = "write into the folder of the request, and temporary files by tempfile"
        self._require(not strays, f"wrote elsewhere: {', '.join(strays[:_LISTED])}; {rule}")

    def _run(self, output: Path) -> _Run:
        """Train to the end in a folder, which is new or has the state of an earlier run."""
        points: list[TrainingPoint] = []
        try:
            with watched(output) as strays:
                returned: object = self._spec.run(dataclasses.replace(self._request, output=output), points.append)
        except (Exception, SystemExit) as error:
            raise self._failed(f"raised {type(error).__name__}: {error}") from error
        return _Run(tuple(points), self._content(returned, output), frozenset(strays))

    def _content(self, returned: object, output: Path) -> dict[str, bytes]:
        if not isinstance(returned, Sequence) or not all(isinstance(path, Path) for path in returned):
            raise self._failed(f"returned {returned!r}; it must return a tuple of paths")
        content = {}
        for path in returned:
            if not path.absolute().is_relative_to(output.absolute()):
                raise self._failed(f"returned {path}, which is not in the folder of the request")
            if not path.is_file():
                raise self._failed(f"returned {path.name}, and there is no such file")
            content[str(path.absolute().relative_to(output.absolute()))] = path.read_bytes()
        return content

    def _interrupt(self, output: Path, position: int) -> list[TrainingPoint]:
        """Train until a point is told, and interrupt there."""
        points: list[TrainingPoint] = []

        def tell(point: TrainingPoint) -> None:
            points.append(point)
            if len(points) > position:
                raise KeyboardInterrupt

        try:
            with watched(output):
                self._spec.run(dataclasses.replace(self._request, output=output), tell)
        except KeyboardInterrupt:
            return points
        except (Exception, SystemExit) as error:
            text = f"raised {type(error).__name__} when it was interrupted; let KeyboardInterrupt through"
            raise self._failed(text) from error
        raise self._failed("went on when it was interrupted; let KeyboardInterrupt through")

    def _require_point(self, point: object) -> None:
        """See that a point is one, and of numbers; told by whichever check comes upon it first."""
        if not isinstance(point, TrainingPoint):
            raise self._failed(f"told {point!r}; tell arena.TrainingPoint objects")
        kinds: Mapping[str, tuple[type, str]] = {
            "steps": (Integral, "a whole number"),
            "total": (Integral, "a whole number"),
            "loss": (Real, "a number"),
            "score": (Real, "a number"),
        }
        for name, (kind, words) in kinds.items():
            value = getattr(point, name)
            is_one = isinstance(value, kind) and not isinstance(value, bool)
            self._require(is_one, f"told {name} {value!r}, which is not {words}: {point}")

    def _require(self, is_kept: bool, message: str) -> None:
        if not is_kept:
            raise self._failed(message)

    def _failed(self, message: str) -> CheckFailed:
        return CheckFailed(f"training {self._spec.name}, {self._check}: {printable(message, 1000)}")
