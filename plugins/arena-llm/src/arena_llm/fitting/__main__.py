"""`python -m arena_llm.fitting`: fit the tables of `arena_llm.fitted` anew."""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import hashlib
import sys
import tempfile
import time
from collections.abc import Sequence
from importlib.metadata import version
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any, Literal

import yaml

from arena import InvalidInput, Scenario, load_network, load_suite
from arena_llm.fitted import ANY_NETWORK, FittedEntry, FittedTable, network_shape
from arena_llm.fitting.episodes import refuse_unplayed
from arena_llm.fitting.search import SearchSettings, search

_FULFILMENTS: tuple[Literal["backlog", "lost_sales"], ...] = ("backlog", "lost_sales")


def main(arguments: Sequence[str] | None = None) -> None:
    """Fit one table and write it.

    Args:
        arguments: of the command line; None for those of the process.
    """
    parser = argparse.ArgumentParser(prog="python -m arena_llm.fitting", description=__doc__)
    parser.add_argument("track", choices=("blind", "informed"))
    parser.add_argument("output", type=Path, help="file to write, such as blind.json")
    parser.add_argument("--settings", type=Path, help="YAML with other settings than the package's")
    parser.add_argument("--network", action="append", help="fit this entry only, any for the last; repeatable")
    parser.add_argument("--training", type=Path, help="suite with other scenarios than the package's")
    chosen = parser.parse_args(arguments)
    if (obstacle := _obstacle(chosen.output)) is not None:
        parser.error(f"{chosen.output}: {obstacle}")
    package = files("arena_llm.fitting")
    with as_file(package / "settings.yaml") as settings, as_file(package / "training.yaml") as training:
        written = yaml.safe_load((chosen.settings or settings).read_text(encoding="utf-8"))
        scenarios = load_suite(chosen.training or training).scenarios
    try:
        refuse_unplayed(*scenarios)
    except InvalidInput as error:
        parser.error(str(error))
    table = fit(chosen.track, written, scenarios, chosen.network)
    text = table.model_dump_json(indent=1) + "\n"
    unfinished = chosen.output.with_name(chosen.output.name + ".unfinished")
    try:
        unfinished.write_text(text, encoding="utf-8")
        unfinished.replace(chosen.output)
    except OSError as error:
        # A fit takes hours: it is not lost with the disk.
        with contextlib.suppress(OSError):
            unfinished.unlink(missing_ok=True)
        sys.stdout.write(text)
        parser.error(f"{chosen.output}: cannot be written ({error.strerror}); standard output has the table")


def _obstacle(output: Path) -> str | None:
    """Return why a table cannot be written, or None; asked before hours are spent on it."""
    try:
        if output.is_dir() or not output.name:
            return "is a folder; name a file in it"
        if output.exists() and output.stat().st_size:
            FittedTable.model_validate_json(output.read_text(encoding="utf-8"))
        with tempfile.TemporaryFile(dir=output.parent):
            return None
    except ValueError:
        return "is not a fitted table, and is not replaced; move it away, or choose another name"
    except OSError as error:
        return f"cannot be written ({error.strerror}); choose another place"


def fit(
    track: Literal["blind", "informed"],
    written: dict[str, Any],
    scenarios: Sequence[Scenario],
    only: Sequence[str] | None = None,
) -> FittedTable:
    """Fit a table.

    Args:
        track: what is seen.
        written: as in ``settings.yaml``.
        scenarios: what is played, named after their networks.
        only: networks whose entries are fitted, each of which depends on the settings alone; None for all.
    """
    settings = SearchSettings(**{field.name: written[field.name] for field in dataclasses.fields(SearchSettings)})
    entries = []
    networks = (*written["networks"], ANY_NETWORK)
    for network in networks if only is None else only:
        played = written["others"] if network == ANY_NETWORK else [network]
        shape = ANY_NETWORK if network == ANY_NETWORK else network_shape(load_network(network))
        prefixes = tuple(f"{name}-" for name in played)
        for fulfilment in _FULFILMENTS:
            chosen = [one for one in scenarios if one.fulfilment == fulfilment and one.name.startswith(prefixes)]
            started = time.monotonic()
            stages, objective = search(chosen, track, settings)
            seconds = time.monotonic() - started
            told = f"{track}, {network}, {fulfilment}: {objective:.4f} on {len(chosen)} scenarios, {seconds:.0f} s"
            print(told, file=sys.stderr, flush=True)
            entries.append(
                FittedEntry(
                    network=network,
                    shape=shape,
                    fulfilment=fulfilment,
                    stages=tuple(tuple(values) for values in stages.tolist()),
                    objective=round(objective, 6),
                )
            )
    digests = "".join(sorted(scenario.digest for scenario in scenarios))
    made_by = {name: version(name) for name in ("cma", "numpy")}
    training = hashlib.sha256(digests.encode()).hexdigest()
    return FittedTable(
        track=track, settings={**written, "training": training, "versions": made_by}, entries=tuple(entries)
    )


if __name__ == "__main__":
    main()
