"""Seconds and megabytes of the page of standings, and seconds until a browser has it ready.

Run ``python benchmarks/pages.py``; ``--submissions 45 --scenarios 22 --seeds 10`` is the default. The records are made
up: profits with an effect of the submission, of the scenario and of the seed, and a forfeit here and there. With
``--keep FOLDER`` the page stays there. The browser is Debian's chromium, through playwright; without them only the page
is measured.

Aims: 3 MB and 1 s in the browser for 45 × 22 × 10; 15 MB and 3 s for 45 × 30 × 1000; built in 5 s per 10,000 episodes.
``--board --submissions 20 --scenarios 693 --seeds 1`` is the page of a board of recorded instances.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from arena.jail.limits import Limits
from arena.report.page import write_report
from arena.results.record import EpisodeRecord
from arena.results.scores import Scoring
from arena.results.standings import compute_standings
from arena.results.timing import DecisionTimes
from arena.world.native_score import NativeScore, PublishedResult
from arena.world.scoring import ScoreRule

TRACKS = ("blind", "informed")


def make_records(submissions: int, scenarios: int, seeds: int) -> Iterator[EpisodeRecord]:
    """Yield the episodes of made-up submissions, the first of which knows the demand to come."""
    random = np.random.default_rng(7)
    fields = EpisodeRecord.model_fields.items()
    common: dict[str, object] = {name: field.get_default() for name, field in fields if not field.is_required()}
    for name, field in fields:
        if field.is_required():
            common[name] = {float: 0.0, int: 0, str: ""}.get(field.annotation)  # type: ignore[call-overload]
    common |= {"contract_digest": "c" * 64, "isolation": "process", "decisions": 30, "finished_at": "2026-01-01"}
    common |= {"decision_times": DecisionTimes.measured([0.02], [0.001] * 29, Limits())}
    level, season = random.normal(0, 60, submissions), random.normal(900, 250, scenarios)
    luck = random.normal(0, 50, (scenarios, seeds))
    for submission in range(submissions):
        track = "oracle" if submission == 0 else TRACKS[submission % 2]
        kind = max(1, submission) // 2
        who = {"submission": f"submission-{submission:02d}", "controller": f"controller-{kind}", "track": track}
        for scenario in range(scenarios):
            noise = random.normal(0, 1, (seeds, 12))
            profit = season[scenario] + luck[scenario] + level[submission] + 40 * noise[:, 0]
            profit += 400 if track == "oracle" else 0
            rates = 1 / (1 + np.exp(-1 - 0.3 * noise[:, 1:5]))
            money = np.exp(5 + 0.3 * noise[:, 5:11])
            for seed in range(seeds):
                lost = track != "oracle" and noise[seed, 11] > 3
                played = {
                    "scenario": f"network-{scenario % 7}-demand-{scenario:02d}-backlog",
                    "seed_index": seed,
                    "seed": str(100 + seed),
                    "outcome": "exception" if lost else "ok",
                    "failure_period": 7 if lost else None,
                    "failure_message": "RuntimeError: no plan was found" if lost else "",
                    "profit": min(0.0, float(profit[seed])) if lost else float(profit[seed]),
                    "revenue": float(profit[seed] + money[seed, :5].sum()),
                    "decision_time": 0.03 + 0.01 * kind + 0.001 * abs(float(noise[seed, 0])),
                    "planning_time": 0.02,
                    "full_revenue": 2000.0,
                }
                rate_names = ("fill_rate", "immediate_fill_rate", "service_level", "stockout_free_periods")
                played |= dict(zip(rate_names, rates[seed].tolist(), strict=True))
                money_names = ("procurement_cost", "holding_cost", "operating_cost", "shortage_penalty")
                money_names += ("fixed_ordering_cost", "bullwhip_ratio")
                played |= dict(zip(money_names, money[seed].tolist(), strict=True))
                played |= {"stage_bullwhip_retailers": float(money[seed, 0]) / 100}
                yield EpisodeRecord.model_construct(**(common | who | played))


def make_native(scenarios: Sequence[str]) -> NativeScore:
    """Return a native score with six cells, and two published results."""
    names = [f"{kind}, lead time {lead}" for kind in ("real", "synthetic") for lead in ("0", "4", "stochastic")]
    cells = {scenario: names[place * len(names) // len(scenarios)] for place, scenario in enumerate(scenarios)}
    best = PublishedResult(name="best hybrid", source="their paper", score=0.45, cells=dict.fromkeys(names, 0.5))
    rule = PublishedResult(name="best rule", source="their paper", score=0.3)
    return NativeScore(name="normalised reward", per="full_revenue", least=0.0, cells=cells, published=(best, rule))


def look(page: Path) -> float:
    """Return the seconds until a browser has loaded the page and run its scripts."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        options = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        browser = driver.chromium.launch(executable_path=shutil.which("chromium"), args=options)
        opened = browser.new_page()
        opened.goto(page.as_uri())
        took = opened.evaluate("performance.getEntriesByType('navigation')[0].loadEventEnd")
        browser.close()
    return float(took) / 1000


def main() -> None:
    """Print what was measured."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name, default in (("submissions", 45), ("scenarios", 22), ("seeds", 10)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--keep", type=Path)
    parser.add_argument("--board", action="store_true", help="with a native score by cell, in worlds that draw nothing")
    asked = parser.parse_args()
    records = list(make_records(asked.submissions, asked.scenarios, asked.seeds))
    scenarios = tuple(dict.fromkeys(record.scenario for record in records))
    started = time.perf_counter()
    native = make_native(scenarios) if asked.board else None
    scoring = Scoring(ScoreRule(rule="native" if asked.board else "share_of_oracle"), native=native)
    standings = compute_standings(
        records,
        suite="made-up",
        scenarios=scenarios,
        seeds=asked.seeds,
        scoring=scoring,
        draws_nothing=asked.board,
    )
    print(f"{len(records):,} episodes; standings in {time.perf_counter() - started:.1f} s")
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        page = write_report(standings, records, (asked.keep or Path(folder)) / "report.html", notes={})
        took = time.perf_counter() - started
        size = page.stat().st_size / 1e6
        print(f"page of {size:.2f} MB in {took:.1f} s, {1e4 * took / len(records):.2f} s per 10,000 episodes")
        if shutil.which("chromium") is not None:
            print(f"ready in the browser after {look(page):.2f} s")


if __name__ == "__main__":
    main()
