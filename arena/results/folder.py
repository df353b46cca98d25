"""The folder of results: the names of its files, and the one selection that its page and tables are about.

The store of a folder may hold episodes of several suites and seed plans. Page and tables show one: the rules, the
suite, its scenarios and the seeds of the evaluation that wrote them. Another submission or more seeds of the same
hidden plan extend them; anything else would replace them, and is refused. An evaluation that was interrupted before it
wrote tables has nothing to lose but its episodes, which stay in the store.
"""

from __future__ import annotations

import csv
import html
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from arena.contract.seeds import SeedPlan
from arena.contract.version import contract_digest, earlier_digests
from arena.errors import ABSENT, Fault, InvalidInput, StoreError, printable
from arena.results.files import EPISODES, PAGE, STANDINGS, TRANSCRIPT, Kind, Wanted, find_obstacles, read_head
from arena.results.store import Store, refuse_other_age
from arena.world.suite import Suite

STORE_NAME: Final = "results.sqlite"
EPISODES_NAME: Final = "episodes.csv"
STANDINGS_NAME: Final = "standings.json"
REPORT_NAME: Final = "report.html"
TRANSCRIPT_NAME: Final = "transcripts.jsonl"
BACKTEST_NAME: Final = "backtest.html"

_STORE_FILES: Final = tuple(f"{STORE_NAME}{ending}" for ending in ("", "-wal", "-shm", "-journal", ".lock"))
_TABLES: Final = (EPISODES_NAME, STANDINGS_NAME, REPORT_NAME)
_TITLE: Final = re.compile(r"<title>([^<]*): standings</title>")
_SHOWN: Final = 12
_LISTED: Final = 3


@dataclass(frozen=True)
class _Selection:
    """The selection that a file is about; None for what the file does not say.

    Attributes:
        suite: name of the suite.
        public: whether the seeds are public.
        commitment: commitment to the hidden seeds.
        seeds: seeds per scenario.
        contract: digest of the rules.
        scenarios: names by digest.
        names: names of the scenarios, where the digests are not known.
        score: how the suite scores.
        accepts_fallbacks: whether scenarios are scored on which the oracle fell back.
    """

    suite: str | None = None
    public: bool | None = None
    commitment: str | None = None
    seeds: int | None = None
    contract: str | None = None
    scenarios: Mapping[str, str] | None = None
    names: frozenset[str] | None = None
    score: Mapping[str, Any] | None = None
    accepts_fallbacks: bool = False


def refuse_other_results(folder: Path, suite: Suite, seeds: SeedPlan, *, asks_models: bool = False) -> None:
    """Refuse a folder whose page or tables an evaluation would lose: a stranger's, or those of another selection.

    Args:
        folder: folder of results; it need not exist.
        suite: what is to be played.
        seeds: on which seeds.
        asks_models: whether a transcript of language models is to be written, too.

    Raises:
        InvalidInput: with all files that the arena did not write, or with what the folder is about.
        StoreAgeError: its store is of a newer arena, or has episodes that `arena results upgrade` would complete.
    """
    wanted = [
        Wanted(folder / EPISODES_NAME, EPISODES),
        Wanted(folder / STANDINGS_NAME, STANDINGS),
        Wanted(folder / REPORT_NAME, PAGE),
        *([Wanted(folder / TRANSCRIPT_NAME, TRANSCRIPT)] if asks_models else []),
    ]
    refuse_other_age(folder / STORE_NAME)
    other = free_name(folder, suite.name)
    faults = find_obstacles(wanted, f"choose another folder: --output {other}")
    if faults:
        raise InvalidInput(faults)
    asked = _Selection(
        suite=suite.name,
        public=seeds.commitment is None,
        commitment=seeds.commitment,
        seeds=seeds.count,
        contract=contract_digest(),
        scenarios={scenario.digest: scenario.name for scenario in suite.scenarios},
        score=suite.score_rule.model_dump(mode="json"),
    )
    selections = _selections(folder)
    differences = dict.fromkeys(difference for there in selections for difference in _differences(there, asked))
    if any(there.contract in earlier_digests() for there in selections):
        rule = "its tables are of an earlier contract of the same rules"
        fix = f"arena results upgrade {folder} writes them anew; if it does not, remove {', '.join(_TABLES)} from it"
        raise InvalidInput([Fault(str(folder), "", ABSENT, rule, fix)])
    if differences:
        rule = f"holds the results of another selection: {'; '.join(differences)}"
        fix = (
            f"to keep both, write --output {other}; to give them up, remove {', '.join(_TABLES)} from it first "
            f"({STORE_NAME} keeps the episodes of both)"
        )
        raise InvalidInput([Fault(str(folder), "", ABSENT, rule, fix)])


def seeds_contract_of(folder: Path, commitment: str) -> str | None:
    """Return the digest of the rules that the hidden seeds of a folder were derived under.

    Args:
        folder: folder of results; it need not exist.
        commitment: commitment to the seeds.

    Returns:
        The digest; None if the folder has no episode of these seeds under the present rules, or cannot be read.
    """
    try:
        with Store(folder / STORE_NAME, read_only=True) as store:
            return find_seeds_contract(store, commitment)
    except StoreError:
        return None  # Whoever writes to it hears why.


def has_accepted_fallbacks(folder: Path) -> bool:
    """Tell whether the standings of a folder score what an oracle's fallback played, at the organiser's request."""
    standings = _read(_of_standings, folder / STANDINGS_NAME)
    return standings is not None and standings.accepts_fallbacks


def find_seeds_contract(store: Store, commitment: str) -> str | None:
    """Return the digest of the rules that the hidden seeds of a store were derived under.

    Args:
        store: open.
        commitment: commitment to the seeds.

    Returns:
        The digest; None if no episode of these seeds is under the present rules.
    """
    for record in store.records(contract_digest=contract_digest(), seed_plan=commitment):
        return record.seeds_contract or record.contract_digest
    return None


def find_own(files: Iterable[Path], fix: str) -> list[Fault]:
    """Return a fault for every file that belongs to a folder of results, whether it is there or not.

    Args:
        files: what is to be written.
        fix: what to write instead, for the message.
    """
    rule = "is a file of a folder of results, which arena evaluate alone writes"
    return [Fault(str(path), "", ABSENT, rule, fix) for path in files if _is_own(path)]


def refuse_other_file(path: Path, kind: Kind, fix: str) -> None:
    """Refuse a place for a file where something else lies.

    Args:
        path: where it is to be written.
        kind: what it is.
        fix: what to write instead, for the message.

    Raises:
        InvalidInput: the place is a file of a folder of results, or holds what was not written as this kind.
    """
    faults = find_own([path], fix) or find_obstacles([Wanted(path, kind)], fix)
    if faults:
        raise InvalidInput(faults)


def _is_own(path: Path) -> bool:
    try:
        # The file that a symbolic link leads to; its name may be spelled otherwise where case does not matter.
        target = path.resolve()
        if not target.name or not target.with_name(STORE_NAME).is_file():
            return False
        own = [target.with_name(name) for name in (*_STORE_FILES, *_TABLES, TRANSCRIPT_NAME)]
        return target in own or (target.exists() and any(one.exists() and one.samefile(target) for one in own))
    except (OSError, RuntimeError):
        return False  # A path that cannot be looked at cannot be written either, and writing it tells why.


def _selections(folder: Path) -> list[_Selection]:
    """Return what the files of a folder are about, as far as they can be read."""
    standings = _read(_of_standings, folder / STANDINGS_NAME)
    episodes = _read(_of_episodes, folder / EPISODES_NAME)
    if standings is not None and episodes is not None:
        # A scenario is known by its content; whoever renamed it since asks for the same one.
        standings = replace(standings, names=None)
    found = (standings, episodes, _read(_of_page, folder / REPORT_NAME))
    return [one for one in found if one is not None]


def _read(read: Callable[[Path], _Selection | None], path: Path) -> _Selection | None:
    try:
        return read(path)
    except (OSError, ValueError, TypeError, RecursionError, csv.Error):
        return None  # It is missing, or damaged and written anew.


def _of_standings(path: Path) -> _Selection:
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return _Selection(
        suite=str(content["suite"]) if "suite" in content else None,
        public=content.get("commitment") is None,
        commitment=content.get("commitment"),
        seeds=int(content["seeds"]) if "seeds" in content else None,
        contract=content.get("contract_digest") or None,
        names=frozenset(map(str, content["scenarios"])) if "scenarios" in content else None,
        score=content.get("score_rule"),
        accepts_fallbacks=content.get("accept_fallbacks") is True,
    )


def _of_episodes(path: Path) -> _Selection | None:
    scenarios: dict[str, str] = {}
    last: dict[str, str] = {}
    with path.open(encoding="utf-8-sig", newline="") as file:
        for line in csv.DictReader(file):
            last = line
            scenarios[line["scenario_digest"]] = line["scenario"]
    if not last:
        return None
    commitment = last.get("commitment") or None
    return _Selection(
        suite=last.get("suite"),
        public=commitment is None,
        commitment=commitment,
        contract=last.get("contract_digest"),
        scenarios=scenarios,
    )


def _of_page(path: Path) -> _Selection | None:
    title = _TITLE.search(read_head(path))
    return None if title is None else _Selection(suite=html.unescape(title[1]))


def _differences(there: _Selection, asked: _Selection) -> Iterator[str]:
    """Yield in words how the selection that is there differs from the one that is asked for."""
    if there.suite is not None and there.suite != asked.suite:
        yield f"it is of suite {printable(there.suite)}, asked was {asked.suite}"
    if there.contract is not None and there.contract != asked.contract:
        now = str(asked.contract)[:_SHOWN]
        yield f"it was played under the rules {printable(there.contract[:_SHOWN])}, this arena's are {now}"
    if there.public is not None and (there.public, there.commitment) != (asked.public, asked.commitment):
        yield f"it is of {_seeds(there)}, asked was {_seeds(asked)}"
    elif there.seeds is not None and asked.seeds is not None and there.seeds > asked.seeds:
        yield f"it is of {there.seeds} seeds, asked were {asked.seeds} of them"
    if there.score is not None and there.score != asked.score:
        yield f"it is scored by {_rule(there.score)}, asked was {_rule(asked.score or {})}"
    if there.suite is None or there.suite == asked.suite:
        yield from _scenario_differences(there, asked)


def _rule(score: Mapping[str, Any]) -> str:
    told = [f"{name} {value}" for name, value in score.items() if name != "rule" and value]
    return printable(", ".join([str(score.get("rule")), *told]))


def _scenario_differences(there: _Selection, asked: _Selection) -> Iterator[str]:
    wanted = asked.scenarios or {}
    if there.scenarios is not None:
        gone = [name for digest, name in there.scenarios.items() if digest not in wanted]
        new = [name for digest, name in wanted.items() if digest not in there.scenarios]
    elif there.names is not None:
        gone = sorted(there.names - set(wanted.values()))
        new = [name for name in wanted.values() if name not in there.names]
    else:
        return
    changed = [name for name in gone if name in new]
    for names, words in (
        (changed, "with another content"),
        ([name for name in gone if name not in changed], "that is not asked for"),
        ([name for name in new if name not in changed], "asked for that it has not"),
    ):
        if names:
            listed = ", ".join(printable(name) for name in names[:_LISTED])
            more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
            yield f"scenario {words}: {listed}{more}"


def _seeds(selection: _Selection) -> str:
    if selection.public:
        return "public seeds"
    return f"the hidden seeds of commitment {printable(str(selection.commitment)[:_SHOWN])}"


def free_name(folder: Path, name: str) -> Path:
    """Return a folder inside `folder` that does not exist, to be named in a message."""
    candidate, number = folder / name, 1
    try:
        while candidate.exists():
            number += 1
            candidate = folder / f"{name}-{number}"
    except OSError:
        pass
    return candidate
