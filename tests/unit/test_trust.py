"""Whose plugin is whose: the arena's own packages, squatters, and trust in what is installed, by its digest."""

from __future__ import annotations

import base64
import csv
import hashlib
import json
import py_compile
import sqlite3
import sys
from collections.abc import Sequence
from contextlib import closing
from importlib.metadata import Distribution, PathDistribution
from pathlib import Path
from typing import Any

import pytest
from fake_plugins import controller_source, write_plugin

from arena import InvalidInput, Suite, UnknownName, discover, load_scenario, load_submissions
from arena.audit.rewriting import TablesToRewrite
from arena.audit.verify import verify
from arena.contract.seeds import Secret, hidden_seeds, reveal_secret
from arena.contract.version import contract_digest
from arena.entry.providers import find_controllers
from arena.entry.strangers import Strangers
from arena.errors import PluginError
from arena.installed import digest_installed, find_doubt, find_startup_code
from arena.play.evaluate import evaluate
from arena.play.packages import trusted_packages
from arena.play.refusals import refuse_ungranted
from arena.play.rounds import make_round
from arena.play.seats.trusted import TrustedHost
from arena.plugins import list_entry_points, load_llm_client
from arena.report.page import render_report
from arena.results.rounds import Round
from arena.results.rows import Standings
from arena.results.store import Store
from arena.trust import CLIENT_PROVIDERS, OWN_PACKAGES, PROVIDERS, resolve_trust

GROUP = "arena-test"


@pytest.fixture
def steady(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Install a stranger's plugin with the controller `steady`, and return its folder."""
    folder = write_plugin(tmp_path, "fake-steady", "fake_steady", controller_source("steady"))
    monkeypatch.syspath_prepend(folder)
    monkeypatch.delitem(sys.modules, "fake_steady", raising=False)
    return folder


def record(folder: Path, **notes: str) -> Distribution:
    """Write what an installer records of a package, and return the package."""
    (metadata,) = folder.glob("*.dist-info")
    for name, text in notes.items():
        (metadata / f"{name}.json").write_text(text, encoding="utf-8")
    rows = []
    for path in sorted(path for path in folder.rglob("*") if path.is_file() and path.name != "RECORD"):
        digest = base64.urlsafe_b64encode(hashlib.sha256(path.read_bytes()).digest()).rstrip(b"=").decode()
        rows.append((path.relative_to(folder).as_posix(), f"sha256={digest}", path.stat().st_size))
    with (metadata / "RECORD").open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    return PathDistribution(metadata)


class TestOwnPackages:
    def test_the_index_names_every_controller_and_client(self) -> None:
        """A name that the index lacks could be given by a stranger."""
        found = {name: one.distribution for name, one in discover().controllers.items()}
        assert found.items() <= PROVIDERS.items()
        assert set(CLIENT_PROVIDERS.values()) <= OWN_PACKAGES

    def test_what_is_installed_here_is_not_doubted(self) -> None:
        assert not discover().failures

    def test_a_package_whose_record_lists_the_module_is_not_doubted(self, steady: Path) -> None:
        package = record(steady, direct_url='{"url": "file:///a.whl", "archive_info": {}}')
        assert find_doubt(package, "fake_steady") == ""

    def test_an_editable_package_is_not_doubted_if_its_module_is_in_its_folder(self, steady: Path) -> None:
        direct = json.dumps({"url": steady.as_uri(), "dir_info": {"editable": True}})
        assert find_doubt(record(steady, direct_url=direct), "fake_steady") == ""
        elsewhere = json.dumps({"url": (steady / "other").as_uri(), "dir_info": {"editable": True}})
        assert "outside of" in find_doubt(record(steady, direct_url=elsewhere), "fake_steady")

    def test_a_module_of_another_place_is_doubted(self, steady: Path, tmp_path: Path) -> None:
        other = write_plugin(tmp_path, "arena-rl", "never_on_the_path", "")
        assert "which is no file of the package at" in find_doubt(record(other), "fake_steady")
        assert "is not installed" in find_doubt(record(other), "never_on_the_path")

    def test_a_file_that_was_replaced_is_doubted(self, steady: Path) -> None:
        package = record(steady, direct_url="{}")
        assert find_doubt(package, "fake_steady") == ""
        (steady / "fake_steady.py").write_text("raise SystemExit\n")
        assert "fake_steady.py is not the one that was installed" in find_doubt(package, "fake_steady")

    @pytest.mark.parametrize("direct", [True, False])
    def test_a_package_from_an_index_is_doubted_unless_the_arena_is_from_one(
        self, steady: Path, monkeypatch: pytest.MonkeyPatch, direct: bool
    ) -> None:
        monkeypatch.setattr("arena.installed._core_is_direct", lambda: direct)
        doubt = find_doubt(record(steady), "fake_steady")
        assert ("came from a package index" in doubt) is direct


class TestStartupCode:
    @pytest.mark.parametrize(
        ("name", "text", "runs"),
        [
            ("start.pth", "import os; os.getpid()\n", True),
            ("start.pth", "/a/folder\n", False),
            ("sitecustomize.py", "", True),
        ],
    )
    def test_a_file_that_runs_in_every_python_is_found(self, steady: Path, name: str, text: str, runs: bool) -> None:
        (steady / name).write_text(text)
        assert find_startup_code(record(steady)) == (f"its start-up file {name}" if runs else "")

    def test_a_plugin_of_a_library_of_the_arena_is_found(self, steady: Path) -> None:
        assert find_startup_code(record(steady)) == ""
        (metadata,) = steady.glob("*.dist-info/entry_points.txt")
        metadata.write_text(metadata.read_text() + "[networkx.backends]\nsteady = fake_steady\n")
        assert find_startup_code(record(steady)) == "its entry point of networkx.backends"

    def test_a_plugin_with_one_is_told_and_not_asked(self, steady: Path) -> None:
        (steady / "start.pth").write_text("import os\n")
        record(steady)
        with Strangers(GROUP) as strangers:
            (failure,) = find_controllers(None, strangers, group=GROUP).failures
            assert strangers.isolation is None
        assert "it runs code in the arena's process without being asked, by its start-up file start.pth" in str(failure)


class TestDigests:
    def test_every_byte_of_the_module_counts(self, steady: Path) -> None:
        package = record(steady)
        before = digest_installed(package, ["fake_steady"])
        assert digest_installed(package, ["fake_steady"]) == before
        path = steady / "fake_steady.py"
        path.write_bytes(path.read_bytes().replace(b"a constant", b"a c0nstant"))
        assert digest_installed(package, ["fake_steady"]) != before

    def test_an_installation_elsewhere_has_the_same_digest(self, steady: Path, tmp_path: Path) -> None:
        before = digest_installed(record(steady), ["fake_steady"])
        moved = steady.rename(tmp_path / "moved")
        sys.path.insert(0, str(moved))
        try:
            assert digest_installed(record(moved, direct_url="{}"), ["fake_steady"]) == before
        finally:
            sys.path.remove(str(moved))

    def test_a_file_that_the_record_lacks_counts(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        folder = write_plugin(tmp_path, "fake-folder", "fake_folder_plugin", "")
        (folder / "fake_folder_plugin.py").unlink()
        (folder / "fake_folder_plugin").mkdir()
        (folder / "fake_folder_plugin" / "__init__.py").write_text("")
        monkeypatch.syspath_prepend(folder)
        package = record(folder)
        before = digest_installed(package, ["fake_folder_plugin"])
        (folder / "fake_folder_plugin" / "more.py").write_text("")
        assert digest_installed(package, ["fake_folder_plugin"]) != before

    def test_bytecode_counts_if_it_runs_whatever_the_source_says(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        folder = write_plugin(tmp_path, "fake-cached", "fake_cached_plugin", "")
        source = folder / "fake_cached_plugin.py"
        monkeypatch.syspath_prepend(folder)
        package = record(folder)
        before = digest_installed(package, ["fake_cached_plugin"])
        py_compile.compile(str(source), invalidation_mode=py_compile.PycInvalidationMode.TIMESTAMP)
        assert digest_installed(package, ["fake_cached_plugin"]) == before
        # Bytecode that came with the package may be made to fit the time of its source.
        assert digest_installed(record(folder), ["fake_cached_plugin"]) != before
        py_compile.compile(str(source), invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH)
        assert digest_installed(package, ["fake_cached_plugin"]) != before
        assert digest_installed(record(folder), ["fake_cached_plugin"]) != before


class TestTrust:
    def test_nothing_of_a_stranger_is_imported_without_trust(self, steady: Path) -> None:
        found = discover(GROUP)
        assert (dict(found.controllers), found.failures) == ({}, ())
        assert [entry.distribution for entry in found.untrusted] == ["fake-steady"]
        assert "fake_steady" not in sys.modules
        with pytest.raises(UnknownName, match=r"nobody trusts them: fake-steady \(trust one with --trust fake-steady"):
            found.controller("steady")

    def test_a_trusted_package_is_imported(self, steady: Path) -> None:
        assert discover(GROUP, trust="Fake_Steady").controller("steady").distribution == "fake-steady"
        assert "fake_steady" in sys.modules

    def test_a_digest_pins_what_is_installed(self, steady: Path) -> None:
        (one,) = resolve_trust("fake-steady", GROUP).values()
        assert (one.name, one.version) == ("fake-steady", "1.0")
        assert discover(GROUP, trust=[str(one)]).controllers
        assert resolve_trust(f"fake-steady=sha256:{one.digest.upper()}", GROUP)["fake-steady"] == one
        (steady / "fake_steady.py").write_text("raise SystemExit\n")
        changed = resolve_trust("fake-steady", GROUP)["fake-steady"].digest
        with pytest.raises(InvalidInput, match=f"has the digest {changed}, not {one.digest}"):
            discover(GROUP, trust=[str(one)])

    @pytest.mark.parametrize("digest", ["", "abc", "0" * 63, "g" * 64])
    def test_what_is_no_digest_is_refused(self, steady: Path, digest: str) -> None:
        with pytest.raises(InvalidInput, match="the digest is no sha256"):
            resolve_trust(f"fake-steady={digest}", GROUP)

    def test_a_package_that_is_not_installed_is_told_with_its_neighbour(self, steady: Path) -> None:
        with pytest.raises(UnknownName, match='declares a plugin, got "fake-stedy"; did you mean "fake-steady"'):
            discover(GROUP, trust=["fake-stedy"])

    def test_a_trusted_package_is_imported_only_if_it_is_named(
        self, steady: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.syspath_prepend(write_plugin(tmp_path, "fake-calm", "fake_calm_plugin", controller_source("calm")))
        both = ["fake-steady", "fake-calm"]
        with Strangers(GROUP) as strangers:
            found = find_controllers(["calm"], strangers, both, GROUP)
        assert "calm" in found.controllers
        assert "steady" in found.described
        assert "fake_calm_plugin" in sys.modules
        assert "fake_steady" not in sys.modules

    def test_a_trusted_package_may_still_not_take_a_name_of_the_arena(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.syspath_prepend(
            write_plugin(tmp_path, "fake-taker", "fake_taker_plugin", controller_source("newsvendor"))
        )
        (failure,) = discover(GROUP, trust="fake-taker").failures
        assert 'its controller "newsvendor" has a name of the arena\'s own package arena-heuristics' in str(failure)

    def test_a_client_of_a_stranger_speaks_to_nobody(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        source = (
            "from arena import LlmClientSpec, hookimpl\n@hookimpl\ndef arena_llm_clients():\n"
            "    return [LlmClientSpec(name='NAME', connect=print, summary='a client')]\n"
        )
        for number, name in enumerate(("mine", "openai")):
            module = f"fake_client_{number}_plugin"
            folder = write_plugin(tmp_path, f"fake-client-{number}", module, source.replace("NAME", name))
            monkeypatch.syspath_prepend(folder)
        with pytest.raises(UnknownName, match="nobody trusts them: fake-client-0"):
            load_llm_client("mine", GROUP)
        assert load_llm_client("mine", GROUP, trust=["fake-client-0"]).name == "mine"
        # A client gets keys, so the name that every manifest has by default is the arena's.
        with pytest.raises(UnknownName):
            load_llm_client("openai", GROUP, trust=["fake-client-1"])


class TestTrustInResults:
    """Trusted packages are kept with the results, and rounds commit to them."""

    SECRET = Secret(master="5ec2e7" + "0" * 58, salt="5a17" + "0" * 60)

    def make(self, place: Path, trust: Sequence[str] = ("fake-steady",)) -> dict[str, Any]:
        manifest = place / "mine.yaml"
        manifest.write_text("name: mine\ncontroller: steady\ntrack: blind\n")
        suite = Suite(name="one", description="", scenarios=(load_scenario("serial-stationary-backlog"),))
        seeds = hidden_seeds(self.SECRET, 1, contract_digest())
        return {"submissions": load_submissions([manifest], trust=trust).require(), "suite": suite, "seeds": seeds}

    def play(self, place: Path, **options: Any) -> Standings:
        given = self.make(place) | {"output": place / "results", "isolation": "trusted", "workers": 0} | options
        return evaluate(**given).standings

    def check(self, place: Path, **options: Any) -> list[tuple[str, str]]:
        found = verify(place / "results", reveal=reveal_secret(self.SECRET), **options)
        return [(one.file, one.column) for one in found.differences]

    def test_they_are_stored_verified_and_shown(self, steady: Path, tmp_path: Path) -> None:
        standings = self.play(tmp_path)
        [one] = standings.trusted
        assert (one.name, one.version, one.digest) == resolve_trust("fake-steady", GROUP)["fake-steady"]
        assert self.check(tmp_path) == []
        page = render_report(standings, [])
        assert one.digest in page

    @pytest.mark.parametrize(
        "change",
        [
            lambda packages: [],
            lambda packages: [{**packages[0], "digest": "ab" * 32}],
            lambda packages: [{**packages[0], "version": "2.0"}],
            lambda packages: [*packages, {"name": "zzz", "version": "1", "digest": "ab" * 32}],
        ],
    )
    def test_edits_of_them_are_named(self, steady: Path, tmp_path: Path, change: Any) -> None:
        digests = self.play(tmp_path).digests
        assert digests is not None
        path = tmp_path / "results" / "standings.json"
        content = json.loads(path.read_text())
        packages = change(content["trusted"])
        path.write_text(json.dumps({**content, "trusted": packages}))
        assert sorted(self.check(tmp_path)) == [("standings.json", "digests.run"), ("standings.json", "trusted")]
        # An editor who changes the store too, and computes the digests anew, meets the digest that was published.
        tables = TablesToRewrite(tmp_path / "results")
        with closing(sqlite3.connect(tmp_path / "results" / "results.sqlite", isolation_level=None)) as connection:
            connection.execute("UPDATE about SET value = ? WHERE name = 'trusted'", (json.dumps(packages),))
        with Store(tmp_path / "results" / "results.sqlite") as store:
            tables.write(store)
        assert self.check(tmp_path) == []
        assert self.check(tmp_path, digest=digests.full) == [("results.sqlite", "digest as published")]

    def test_a_round_commits_to_them(self, steady: Path, tmp_path: Path) -> None:
        given = self.make(tmp_path)
        contest_round = make_round(**given, isolation="trusted")
        assert contest_round.terms.trusted == trusted_packages(given["submissions"])
        self.play(tmp_path, contest_round=contest_round)
        assert self.check(tmp_path, contest_round=contest_round) == []
        none = Round.of(contest_round.terms.model_copy(update={"trusted": ()}))
        with pytest.raises(InvalidInput, match=r"trusted: the round commits to none, got .*fake-steady 1\.0"):
            self.play(tmp_path, contest_round=none, output=tmp_path / "other")
        assert ("standings.json", "trusted") in self.check(tmp_path, contest_round=none)
        (steady / "fake_steady.py").write_text((steady / "fake_steady.py").read_text() + "\n# another\n")
        with pytest.raises(InvalidInput, match=r"trusted: the round commits to fake-steady 1\.0"):
            self.play(tmp_path, contest_round=contest_round, output=tmp_path / "other")

    def test_what_nobody_trusts_is_not_named(self, steady: Path, tmp_path: Path) -> None:
        assert trusted_packages(self.make(tmp_path, ())["submissions"]) == ()


class TestStrangersInAContest:
    def test_a_submission_of_a_stranger_is_described_and_has_no_class(self, steady: Path, tmp_path: Path) -> None:
        manifest = tmp_path / "mine.yaml"
        manifest.write_text("name: mine\ncontroller: steady\ntrack: blind\nconfig: {quantity: 3}\n")
        (described,) = load_submissions([manifest]).require()
        assert (described.untrusted, described.spec, described.plugin) == (True, None, "fake_steady")
        assert "fake_steady" not in sys.modules
        (trusted,) = load_submissions([manifest], trust="fake-steady").require()
        assert (trusted.untrusted, trusted.spec is None) == (False, False)
        # The same submission: what plays does not depend on who is trusted.
        assert (trusted.digest, trusted.config) == (described.digest, described.config)

    def test_where_no_process_can_be_made_only_trusted_packages_play(
        self, steady: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("arena.entry.strangers.host.find_missing_part", lambda level: "this system cannot fork")
        with Strangers(GROUP) as strangers:
            found = find_controllers(["steady"], strangers, group=GROUP)
            assert (dict(found.controllers), dict(found.described)) == ({}, {})
            assert "cannot be looked at here (sandbox: this system cannot fork" in str(found.failures[0])
            assert "steady" in find_controllers(["steady"], strangers, "fake-steady", GROUP).controllers

    def test_faults_of_a_configuration_are_the_same_as_in_process(self, steady: Path, tmp_path: Path) -> None:
        manifest = tmp_path / "mine.yaml"
        manifest.write_text(
            "name: mine\ncontroller: steady\ntrack: informed\nconfig: {quantity: -1, quantty: [1, 2]}\n"
        )
        described, trusted = (load_submissions([manifest], trust=trust).faults for trust in ((), "fake-steady"))
        assert [str(fault) for fault in described] == [str(fault) for fault in trusted]
        assert len(described) == 3

    def test_a_configuration_that_json_has_not_is_refused(self, steady: Path) -> None:
        (entry,) = list_entry_points(GROUP)
        with Strangers(GROUP) as strangers:
            (controller,) = strangers.describe(entry)
            assert strangers.configure(controller, {}, "blind", "mine") == ({"quantity": 20.0}, ())
            with pytest.raises(InvalidInput, match="values of JSON only, with finite numbers"):
                strangers.configure(controller, {"quantity": float("nan")}, "blind", "mine")
            with pytest.raises(InvalidInput, match="quantity"):
                strangers.configure(controller, {"quantity": -(2**80)}, "blind", "mine")

    def test_an_untrusted_controller_is_never_seated_in_this_process(self, steady: Path, tmp_path: Path) -> None:
        manifest = tmp_path / "mine.yaml"
        manifest.write_text("name: mine\ncontroller: steady\ntrack: blind\n")
        submissions = load_submissions([manifest]).require()
        with pytest.raises(InvalidInput, match=r'nobody trusts fake-steady, got "steady".*--trust fake-steady'):
            refuse_ungranted(submissions, "trusted")
        refuse_ungranted(submissions, "strict")
        with pytest.raises(PluginError, match="nobody trusts fake-steady, which gives steady"):
            TrustedHost().open(submissions[0])
        trusted = load_submissions([manifest], trust="fake-steady").require()
        refuse_ungranted(trusted, "trusted")
        TrustedHost().open(trusted[0])
