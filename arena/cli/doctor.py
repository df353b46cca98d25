"""`arena doctor`: which isolation works on this machine, what is missing, and how to get it."""

from __future__ import annotations

import typer

from arena.cli.console import Json, print_json, print_table

_MARKS = {"there": "yes", "partly": "in part", "missing": "no"}


def register(app: typer.Typer) -> None:
    """Add the command of this module to the application."""
    app.command("doctor")(doctor)


def doctor(as_json: Json = False) -> None:
    """Say which isolation levels work on this machine, what they are made of, and how to get what is missing.

    Each level is tried: a process is made at that level and does what it must not be able to do. What a level promises
    is kept by the kernel at every moment, or by the arena, which looks 20 times a second. A level of which nobody keeps
    a promise does not work. Exit status 0, whatever is found.
    """
    from arena.jail.isolation import ISOLATION_ORDER
    from arena.jail.parts import examine
    from arena.jail.promises import find_means, find_promises
    from arena.play.seats import refusal_of, strongest
    from arena.results.rows import OFFICIAL_ISOLATION

    parts = examine()
    reasons = {level: refusal_of(level) for level in reversed(ISOLATION_ORDER)}
    best = strongest()
    means = find_means()
    promises = {level: find_promises(level, means) for level in reasons}
    official = {level: level in OFFICIAL_ISOLATION and not reason for level, reason in reasons.items()}
    if as_json:
        print_json(
            {
                "strongest": best,
                "official": official[best],
                "levels": {
                    level: {
                        "works": not reason,
                        "reason": reason,
                        "official": official[level],
                        "promises": [promise._asdict() for promise in promises[level]],
                    }
                    for level, reason in reasons.items()
                },
                "parts": [part._asdict() for part in parts],
            }
        )
        return
    print_table(("part", "there", "found"), [(part.name, _MARKS[part.state], part.found) for part in parts])
    print()
    levels = [
        (level, "no" if reason else "yes", "yes" if official[level] else "no", reason or "-")
        for level, reason in reasons.items()
    ]
    print_table(("isolation", "works", "official, in a round", "reason"), levels)
    print()
    kept = [(level, *promise[:3]) for level in reasons if not reasons[level] for promise in promises[level]]
    print_table(("isolation", "promise about", "kept by", "how"), kept)
    print()
    for part in parts:
        if part.fix:
            print(f"{part.name}: {part.fix}")
    told = "its results can be official" if official[best] else "its results are not official"
    print(f"arena evaluate plays at {best} here; {told}")
