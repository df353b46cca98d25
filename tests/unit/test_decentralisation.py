"""The price of decentralisation: by hand, paired, shown everywhere, and asked for by the manifest."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pytest
from pydantic import BaseModel
from records import make_record

from arena.cli.standings_table import print_standings
from arena.contract.controller import ControllerSpec
from arena.entry.loading import load_submissions
from arena.errors import InvalidInput
from arena.plugins import Plugins, RegisteredController
from arena.report.page import render_report
from arena.results.compared import PriceOfDecentralisation
from arena.results.record import EpisodeRecord
from arena.results.rows import Standings
from arena.results.standings import compute_standings

SCENARIOS = ("north", "south")


def played(submission: str, profits: dict[str, Sequence[float]], track: str = "blind") -> list[EpisodeRecord]:
    return [
        make_record(submission, scenario, index, profit, track=track)
        for scenario, values in profits.items()
        for index, profit in enumerate(values)
    ]


def standings_of(records: list[EpisodeRecord], seeds: int, full_views: dict[str, str] | None) -> Standings:
    return compute_standings(records, suite="test", scenarios=SCENARIOS, seeds=seeds, full_views=full_views)


def price_of(
    local: dict[str, Sequence[float]], full: dict[str, Sequence[float]], seeds: int
) -> PriceOfDecentralisation:
    records = played("local", local, "decentralised") + played("whole", full)
    (price,) = standings_of(records, seeds, {"local": "whole"}).prices
    return price


def test_the_price_is_what_the_full_view_earns_more() -> None:
    price = price_of({"north": [80, 100], "south": [30, 40]}, {"north": [100, 110], "south": [60, 50]}, 2)
    assert (price.submission, price.full_view) == ("local", "whole")
    assert price.profit == pytest.approx((90 + 35) / 2, rel=1e-12)
    assert price.full_view_profit == pytest.approx((105 + 55) / 2, rel=1e-12)
    assert price.price == pytest.approx((15 + 20) / 2, rel=1e-12)
    assert price.share == pytest.approx(17.5 / 80, rel=1e-12)
    assert [(one.scenario, one.price) for one in price.by_scenario] == [("north", 15.0), ("south", 20.0)]
    assert [one.share for one in price.by_scenario] == pytest.approx([15 / 105, 20 / 55], rel=1e-12)


def test_a_full_view_that_earns_less_has_a_negative_price() -> None:
    price = price_of({"north": [80], "south": [30]}, {"north": [70], "south": [20]}, 1)
    assert price.price == -10.0
    assert price.share == pytest.approx(-10 / 45, rel=1e-12)
    assert (price.price_interval, price.share_interval) == (None, None)


def test_pairing_by_seed_takes_out_the_luck_that_both_had() -> None:
    luck = {name: np.random.default_rng(key).normal(0, 500, 20) for key, name in enumerate(SCENARIOS)}
    full = {name: list(1000 + values) for name, values in luck.items()}
    local = {name: list(900 + values) for name, values in luck.items()}
    price = price_of(local, full, 20)
    # The difference is the same on every seed, which is no sample of what it might be on others.
    assert (price.price, price.price_interval) == (pytest.approx(100.0, abs=1e-9), None)
    unsteady = {name: [one + 5 * (-1) ** seed for seed, one in enumerate(values)] for name, values in full.items()}
    interval = price_of(local, unsteady, 20).price_interval
    assert interval is not None
    assert 97 < interval.low < 100 < interval.high < 103
    # Sibling: the means themselves are known far less well.
    row = standings_of(played("whole", full), 20, None).rows[0]
    assert row.profit_interval is not None
    assert row.profit_interval.high - row.profit_interval.low > 200


def test_the_interval_contains_the_price_and_grows_with_its_noise() -> None:
    noise = np.random.default_rng(5).normal(0, 1, (2, 30))
    widths = []
    for scale in (1.0, 20.0):
        full = {name: [500.0] * 30 for name in SCENARIOS}
        local = {name: list(450 + scale * noise[place]) for place, name in enumerate(SCENARIOS)}
        price = price_of(local, full, 30)
        assert price.price is not None
        assert price.price_interval is not None
        assert price.share_interval is not None
        assert price.price_interval.low < price.price < price.price_interval.high
        assert price.share_interval.low == pytest.approx(price.price_interval.low / 500, rel=1e-9)
        widths.append(price.price_interval.high - price.price_interval.low)
    assert widths[1] == pytest.approx(20 * widths[0], rel=1e-9)


def test_without_profit_there_is_no_share() -> None:
    price = price_of({"north": [-80, -90], "south": [3, 4]}, {"north": [-10, -20], "south": [5, 6]}, 2)
    assert (price.share, price.share_interval) == (None, None)
    assert price.price == pytest.approx((70 + 2) / 2, rel=1e-12)
    assert price.by_scenario[1].share == pytest.approx(2 / 5.5, rel=1e-12)


@pytest.mark.parametrize("lacking", ["local", "whole"])
def test_without_every_episode_of_both_there_is_no_price(lacking: str) -> None:
    records = played("local", {"north": [1, 2], "south": [3, 4]}, "decentralised")
    records += played("whole", {"north": [5, 6], "south": [7, 8]})
    short = [one for one in records if (one.submission, one.scenario, one.seed_index) != (lacking, "south", 1)]
    (price,) = standings_of(short, 2, {"local": "whole"}).prices
    assert (price.price, price.price_interval, price.by_scenario) == (None, None, ())
    assert standings_of(records, 2, {"local": "whole"}).prices[0].price == 4.0


def test_who_has_not_played_has_no_price_and_who_asks_for_none_gets_none() -> None:
    records = played("local", {"north": [1, 2], "south": [3, 4]}, "decentralised")
    (price,) = standings_of(records, 2, {"local": "whole", "absent": "local"}).prices
    assert (price.submission, price.price) == ("local", None)
    assert standings_of(records, 2, None).prices == ()


def test_prices_survive_the_file_of_standings() -> None:
    records = played("local", {"north": [1, 2], "south": [3, 4]}, "decentralised")
    standings = standings_of(records + played("whole", {"north": [5, 7], "south": [7, 8]}), 2, {"local": "whole"})
    assert Standings.model_validate_json(standings.model_dump_json()) == standings
    # Standings that were written before there were prices can still be read.
    older = json.loads(standings.model_dump_json())
    del older["prices"]
    assert Standings.model_validate(older).prices == ()


def test_terminal_and_page_show_the_price(capsys: pytest.CaptureFixture[str]) -> None:
    records = played("local", {"north": [1080, 1100], "south": [30, 40]}, "decentralised")
    records += played("whole", {"north": [1300, 1310], "south": [60, 50]})
    standings = standings_of(records, 2, {"local": "whole"})
    print_standings(standings)
    line = capsys.readouterr().out.splitlines()[-1]
    assert line.startswith("price of decentralisation: 117.5 per episode (95 % interval ")
    assert line.endswith("), 17.3 % of profit: local against whole, the same rule with the full view")
    page = render_report(standings, records)
    assert "<h2>Price of decentralisation</h2>" in page
    assert "<h3>local, against whole</h3>" in page
    for cell in ("1,090.0", "1,305.0", "215.0", "16.5 %", "117.5", "17.3 %", "all scenarios"):
        assert cell in page


def test_terminal_and_page_say_so_when_a_price_is_not_known(capsys: pytest.CaptureFixture[str]) -> None:
    records = played("local", {"north": [1], "south": [2]}, "decentralised")
    standings = standings_of(records, 1, {"local": "whole<b>"})
    print_standings(standings)
    said = "price of decentralisation: not known, since not both have played every episode: local against whole<b>"
    assert said in capsys.readouterr().out
    page = render_report(standings, records)
    assert "Not both have played every episode of this suite." in page
    assert "whole&lt;b&gt;" in page
    assert "whole<b>" not in page
    assert "Price of decentralisation" not in render_report(standings_of(records, 1, None), records)


# --- the manifest -------------------------------------------------------------------------------------------------


class Config(BaseModel, frozen=True, extra="forbid"):
    """No settings."""


SPEC = ControllerSpec("by-node", Config, ("decentralised", "blind"), lambda config: None, "A rule.")  # type: ignore[arg-type, return-value]
PLUGINS = Plugins(MappingProxyType({"by-node": RegisteredController(SPEC, "nodes", "arena-nodes", "1.0")}))


def manifest(folder: Path, name: str = "local", track: str = "decentralised", **fields: Any) -> Path:
    lines = [f"name: {name}", "controller: by-node", f"track: {track}", *(f"{key}: {fields[key]}" for key in fields)]
    path = folder / f"{name}.yaml"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_a_manifest_names_the_same_rule_with_the_full_view(tmp_path: Path) -> None:
    (submission,) = load_submissions([manifest(tmp_path, full_view="whole")], PLUGINS).require()
    assert submission.manifest.full_view == "whole"
    (alone,) = load_submissions([manifest(tmp_path)], PLUGINS).require()
    assert alone.manifest.full_view is None
    # With whom it is compared changes nothing in what it plays: episodes need not be played again.
    assert alone.digest == submission.digest


@pytest.mark.parametrize(
    ("fields", "fault"),
    [
        (
            {"track": "blind", "full_view": "whole"},
            r"full_view: .*only a submission of track decentralised is compared",
        ),
        ({"full_view": "local"}, "full_view: .*is the submission itself"),
        ({"full_view": "Whole View"}, "full_view: .*must be lower-case letters, digits and single hyphens"),
    ],
)
def test_a_comparison_that_means_nothing_is_refused(tmp_path: Path, fields: dict[str, str], fault: str) -> None:
    with pytest.raises(InvalidInput, match=fault):
        load_submissions([manifest(tmp_path, **fields)], PLUGINS).require()
    assert load_submissions([manifest(tmp_path, full_view="whole")], PLUGINS).require()


def test_the_shipped_submission_is_compared_with_a_shipped_one(repository: Path) -> None:
    folder = repository / "submissions"
    config = type("Config", (BaseModel,), {})
    spec = ControllerSpec("local-base-stock", config, ("decentralised", "blind"), lambda config: None, "A rule.")  # type: ignore[arg-type, return-value]
    plugins = Plugins(MappingProxyType({spec.name: RegisteredController(spec, "heuristics", "arena-heuristics", "1")}))
    paths = [folder / f"{name}.yaml" for name in ("local-base-stock", "local-base-stock-full-view")]
    own, whole = load_submissions(paths, plugins).require()
    assert (own.track, own.manifest.full_view, own.controller) == ("decentralised", whole.name, whole.controller)
    assert whole.track == "blind"
    assert own.config == whole.config
