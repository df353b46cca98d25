"""Submissions are read and checked without running any of their code, and all faults are told at once."""

import dataclasses
import errno
import os
import pickle
import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import MappingProxyType

import pytest
from pydantic import BaseModel

from arena.contract.controller import ControllerSpec
from arena.entry import folder as folder_module
from arena.entry.folder import LARGEST_COUNT, LARGEST_SIZE, load_class
from arena.entry.loading import LoadedSubmissions, load_submissions
from arena.entry.submission import Submission, make_factory, take_snapshot
from arena.errors import InvalidInput
from arena.plugins import LoadFailure, Plugins, RegisteredController, discover


class BufferConfig(BaseModel, frozen=True, extra="forbid"):
    days: float = 3.0
    label: str = "none"


class Buffer:
    def __init__(self, config: BufferConfig) -> None:
        self.config = config


SPEC = ControllerSpec("buffer", BufferConfig, ("blind", "informed"), Buffer, "Keeps some days of demand.", ("numpy",))  # type: ignore[arg-type]
PLUGINS = Plugins(MappingProxyType({"buffer": RegisteredController(SPEC, "buffers", "arena-buffers", "1.2")}))

CODE = "class Mine:\n    def __init__(self, days=3.0):\n        self.days = days\n"


def manifest(path: Path, **fields: object) -> Path:
    """Write a manifest; a field of None is left out."""
    values = {"name": "mine", "controller": "buffer", "track": "blind", **fields}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{name}: {value}\n" for name, value in values.items() if value is not None))
    return path


def own_code(folder: Path, code: str = CODE, **fields: object) -> Path:
    """Write a submission folder with one Python file."""
    manifest(folder / "submission.yaml", **{"controller": '"mine.py:Mine"', **fields})
    (folder / "mine.py").write_text(code)
    return folder


def load(*paths: Path, plugins: Plugins = PLUGINS) -> LoadedSubmissions:
    return load_submissions(paths, plugins)


def only(*paths: Path, plugins: Plugins = PLUGINS) -> Submission:
    [submission] = load(*paths, plugins=plugins).require()
    return submission


def faults(*paths: Path, plugins: Plugins = PLUGINS) -> str:
    """The faults as the user reads them, a line each."""
    loaded = load(*paths, plugins=plugins)
    assert loaded.faults
    return "\n".join(str(fault) for fault in loaded.faults)


@pytest.fixture(autouse=True)
def _clean_path() -> Iterator[None]:
    """Loading own code puts its folder on this process's path, where it may not stay for other tests."""
    path, modules = list(sys.path), set(sys.modules)
    yield
    sys.path[:] = path
    for name in set(sys.modules) - modules:
        del sys.modules[name]
    folder_module._active_folders.clear()


class TestManifests:
    def test_a_manifest_of_a_plugins_controller(self, tmp_path: Path) -> None:
        submission = only(manifest(tmp_path / "a.yaml", config="{days: 5}", authors="[Ada]", licence="MIT"))
        assert (submission.name, submission.controller, submission.track) == ("mine", "buffer", "blind")
        assert submission.config == {"days": 5.0, "label": "none"}
        assert (submission.plugin, submission.distribution, submission.version) == ("buffers", "arena-buffers", "1.2")
        assert submission.spec is SPEC
        assert submission.folder is None
        assert submission.preload == ("numpy",)

    @pytest.mark.parametrize("name", ["a", "order-up-to", "x2-3", "a" * 64])
    def test_names_that_are_slugs(self, tmp_path: Path, name: str) -> None:
        assert only(manifest(tmp_path / "a.yaml", name=name)).name == name

    @pytest.mark.parametrize("name", ["A", "a_b", "-a", "a-", "a--b", "ä", '"=1+1"', '"<b>"', '""', "a" * 65])
    def test_names_that_are_not(self, tmp_path: Path, name: str) -> None:
        assert "name: must be lower-case letters, digits and single hyphens" in faults(
            manifest(tmp_path / "a.yaml", name=name)
        )

    @pytest.mark.parametrize(
        "controller",
        ["../mine.py:Mine", "/mine.py:Mine", "a/../../mine.py:Mine", "mine.py", "mine.pyc:Mine", "mine.py:Mine.x",
         "mine.py:1", "..\\\\mine.py:Mine", "mine.py:Mine:Mine", "Buffer", "https://example.org/mine.py:Mine"],
    )  # fmt: skip
    def test_controllers_that_cannot_be(self, tmp_path: Path, controller: str) -> None:
        own_code(tmp_path / "a", controller=f'"{controller}"')
        assert "controller: must be the name of a plugin's controller, or" in faults(tmp_path / "a")

    def test_code_in_a_subfolder_is_fine(self, tmp_path: Path) -> None:
        own_code(tmp_path / "a", controller='"./code//mine.py:Mine"').joinpath("code").mkdir()
        (tmp_path / "a" / "mine.py").rename(tmp_path / "a" / "code" / "mine.py")
        assert "controller: must be" in faults(tmp_path / "a")  # A path has one spelling, and that has no dot.
        manifest(tmp_path / "a" / "submission.yaml", controller='"code//mine.py:Mine"')
        assert only(tmp_path / "a").controller == "code/mine.py:Mine"

    def test_unknown_and_missing_fields(self, tmp_path: Path) -> None:
        told = faults(manifest(tmp_path / "a.yaml", controler="buffer", track=None))
        assert 'controler: is not a field here, got "buffer"; did you mean "controller"?' in told
        assert "track: is required" in told

    def test_preload_names_libraries_of_the_list(self, tmp_path: Path) -> None:
        assert only(manifest(tmp_path / "a.yaml", preload="[numpy, scipy.stats]")).preload == ("numpy", "scipy.stats")
        told = faults(manifest(tmp_path / "a.yaml", preload="[numpy, antigravity]"))
        assert "preload[1]: must be a library that may be preloaded, or a public module of one: highspy, net" in told
        assert 'got "antigravity"; remove it; a controller imports whatever else is installed by itself' in told

    def test_capabilities_are_those_that_exist(self, tmp_path: Path) -> None:
        path = manifest(tmp_path / "a.yaml", capabilities="[subprocess]")
        assert only(path).manifest.capabilities == ("subprocess",)
        assert "capabilities[0]: must be one of" in faults(manifest(path, capabilities="[root]"))

    def test_a_manifest_that_is_no_mapping_or_hostile(self, tmp_path: Path) -> None:
        path = tmp_path / "a.yaml"
        path.write_text("- a\n")
        assert "must be a mapping of fields" in faults(path)
        path.write_text("name: !!python/object/apply:os.system [true]\n")
        assert "tags are not allowed" in faults(path)


class TestPluginControllers:
    def test_an_unknown_controller_gets_a_hint(self, tmp_path: Path) -> None:
        told = faults(manifest(tmp_path / "a.yaml", controller="bufer"))
        assert 'no installed plugin gives this controller, got "bufer"; did you mean "buffer"?' in told

    def test_plugins_that_failed_are_named(self, tmp_path: Path) -> None:
        broken = dataclasses.replace(PLUGINS, failures=(LoadFailure("rules", "arena-rules", "ImportError: torch"),))
        told = faults(manifest(tmp_path / "a.yaml", controller="rule-of-thumb"), plugins=broken)
        assert 'not loaded: plugin "rules" of arena-rules: ImportError: torch' in told

    def test_a_package_of_the_arena_that_is_not_installed(self, tmp_path: Path) -> None:
        manifest(tmp_path / "all" / "ours.yaml", name="ours", controller="newsvendor")
        manifest(tmp_path / "all" / "mine.yaml")
        loaded = load(tmp_path / "all")
        assert [one.name for one in loaded.submissions] == ["mine"]
        assert loaded.faults == ()
        [missing] = loaded.unavailable
        line = "in a checkout of arena: pip install ./plugins/arena-heuristics"
        assert str(missing).endswith(f'controller "newsvendor" is not installed; {line}')

    @pytest.mark.parametrize(
        ("name", "package"),
        [
            *((name, "arena-optimization") for name in ("bound", "dlp", "mssp", "oracle", "oracle-published")),
            ("stochastic-program", "arena-optimization"),
            ("imitation-policy", "arena-imitation"),
            ("learned-policy", "arena-rl"),
        ],
    )
    def test_heavy_controllers_are_in_packages_of_their_own(self, tmp_path: Path, name: str, package: str) -> None:
        track = "oracle" if "oracle" in name else "informed"
        loaded = load(manifest(tmp_path / "a.yaml", controller=name, track=track))
        assert (loaded.submissions, loaded.faults) == ((), ())
        [missing] = loaded.unavailable
        line = f"in a checkout of arena: pip install ./plugins/{package}"
        assert (missing.controller, missing.install) == (name, line)

    def test_nothing_left_to_play_tells_what_to_install(self, tmp_path: Path) -> None:
        loaded = load(manifest(tmp_path / "ours.yaml", controller="newsvendor"))
        with pytest.raises(InvalidInput, match=r"pip install \./plugins/arena-heuristics"):
            loaded.require()

    def test_an_installed_package_that_is_broken_is_a_fault(self, tmp_path: Path) -> None:
        broken = Plugins(MappingProxyType({}), (LoadFailure("heuristics", "arena-heuristics", "ImportError: x"),))
        assert 'not loaded: plugin "heuristics"' in faults(
            manifest(tmp_path / "a.yaml", controller="newsvendor"), plugins=broken
        )

    def test_the_track_must_be_one_of_the_controllers(self, tmp_path: Path) -> None:
        assert only(manifest(tmp_path / "a.yaml", track="informed")).track == "informed"
        told = faults(manifest(tmp_path / "a.yaml", track="oracle"))
        assert 'track: controller "buffer" does not play on this track, got "oracle"; choose from "blind"' in told
        assert 'did you mean "blind"?' in faults(manifest(tmp_path / "a.yaml", track="blnd"))

    def test_faults_of_the_config_have_their_path_and_come_together(self, tmp_path: Path) -> None:
        told = faults(manifest(tmp_path / "a.yaml", track="oracle", config="{days: many, lable: x}"))
        assert 'config.days: must be a number, got "many"' in told
        assert 'config.lable: is not a field here, got "x"; did you mean "label"?' in told
        assert "track: " in told

    def test_the_factory_gets_the_validated_config(self, tmp_path: Path) -> None:
        controller = make_factory(only(manifest(tmp_path / "a.yaml", config="{days: 7}")))()
        assert isinstance(controller, Buffer)
        assert controller.config == BufferConfig(days=7.0)

    def test_a_pickled_submission_finds_its_plugin_again(self, repository: Path) -> None:
        plugins = discover()
        if "newsvendor" not in plugins.controllers:
            pytest.skip("the plugin arena-heuristics is not installed")
        submission = only(repository / "submissions" / "newsvendor.yaml", plugins=plugins)
        copy = pickle.loads(pickle.dumps(submission))
        assert copy == submission
        assert copy.spec is None
        assert type(make_factory(copy)()) is type(make_factory(submission)())


class TestFinding:
    def test_a_folder_of_submissions(self, tmp_path: Path) -> None:
        manifest(tmp_path / "b.yaml", name="b")
        manifest(tmp_path / "a.yml", name="a")
        own_code(tmp_path / "c", name="c")
        (tmp_path / "README.md").write_text("not a submission")
        (tmp_path / ".hidden").mkdir()
        assert [one.name for one in load(tmp_path).require()] == ["a", "b", "c"]

    def test_a_submission_named_in_several_ways_is_one(self, tmp_path: Path) -> None:
        own_code(tmp_path / "all" / "a")
        everywhere = [tmp_path / "all", tmp_path / "all" / "a", tmp_path / "all" / "a" / "submission.yaml"]
        assert len(load(*everywhere).require()) == 1

    def test_two_submissions_of_one_name_are_both_told(self, tmp_path: Path) -> None:
        told = faults(manifest(tmp_path / "a.yaml"), manifest(tmp_path / "b.yaml"))
        assert f"two submissions have this name: {tmp_path / 'a.yaml'} and {tmp_path / 'b.yaml'}" in told

    def test_all_faults_of_all_submissions_come_at_once(self, tmp_path: Path) -> None:
        manifest(tmp_path / "a.yaml", name="A", track="none")
        manifest(tmp_path / "b.yaml", controller="bufer")
        manifest(tmp_path / "fine.yaml", name="fine")
        loaded = load(tmp_path, tmp_path / "nowhere")
        assert len(loaded.faults) == 4
        assert [one.name for one in loaded.submissions] == ["fine"]
        with pytest.raises(InvalidInput, match=r"4 faults in 3 inputs"):
            loaded.require()

    def test_a_path_too_long_for_the_system_is_told_beside_the_others(self, tmp_path: Path) -> None:
        manifest(tmp_path / "fine.yaml", name="fine")
        loaded = load(tmp_path / ("a" * 300), tmp_path / "fine.yaml")
        assert [one.name for one in loaded.submissions] == ["fine"]
        told = f"cannot be looked into: {os.strerror(errno.ENAMETOOLONG)}; check its name"
        with pytest.raises(InvalidInput, match=told):
            loaded.require()

    @pytest.mark.parametrize(
        ("make", "rule"),
        [
            (lambda path: None, "there is no such file or folder"),
            (lambda path: path.mkdir(), "holds no submission; a submission is a YAML manifest or a folder"),
            (lambda path: path.write_text("x"), "is no submission; name a YAML manifest"),
            (
                lambda path: (path / "b").mkdir(parents=True),
                "1 folder has no submission.yaml (b); a submission is a YAML",
            ),
            (lambda path: manifest(path / "b" / "submision.yaml"), 'rename "b/submision.yaml" to submission.yaml'),
            (
                lambda path: (own_code(path / "b") / "submission.yaml").rename(path / "b" / "rule.yaml"),
                'rename "b/rule.yaml" to submission.yaml',
            ),
            (lambda path: manifest(path / "b" / "mine.yaml"), "name the folder that holds them: "),
            (lambda path: own_code(path / "all" / "b"), "1 folder has no submission.yaml (all); name the folder that"),
        ],
    )
    def test_paths_that_lead_to_no_submission(self, tmp_path: Path, make: Callable[[Path], object], rule: str) -> None:
        make(tmp_path / "a")
        assert rule in faults(tmp_path / "a")
        assert len(load(tmp_path / "a").faults) == 1

    def test_a_folder_of_other_things_is_told_in_one_fault(self, tmp_path: Path) -> None:
        for number in range(9):
            (tmp_path / f"settings{number}.yml").write_text(f"theme: dark\nfont: {number}\n")
            (tmp_path / f"folder{number}").mkdir()
        manifest(tmp_path / "entries" / "fine.yaml", name="fine")
        (fault,) = load(tmp_path).faults
        assert fault.rule == (
            "is not a folder of submissions: 9 YAML files have no controller (settings0.yml, settings1.yml, "
            "settings2.yml, settings3.yml, settings4.yml and 4 more) and 10 folders have no submission.yaml (entries, "
            "folder0, folder1, folder2, folder3 and 5 more)"
        )
        assert fault.suggestion == f"name the folder that holds them: {tmp_path / 'entries'}/"
        assert [one.name for one in load(tmp_path / "entries").require()] == ["fine"]

    def test_what_stands_among_submissions_is_told_by_its_kind(self, tmp_path: Path) -> None:
        manifest(tmp_path / "fine.yaml", name="fine")
        (tmp_path / "notes.txt").write_text("theme: dark")
        assert load(tmp_path).faults == ()
        for number in range(3):
            (tmp_path / f"settings{number}.yml").write_text("theme: dark")
            (tmp_path / f"folder{number}").mkdir()
        folders, documents = (fault.describe() for fault in load(tmp_path).faults)
        assert folders.startswith(
            "3 folders have no submission.yaml (folder0, folder1, folder2); add one, or move them"
        )
        assert documents.startswith("3 YAML files have neither controller nor track")
        assert [one.name for one in load(tmp_path).submissions] == ["fine"]

    @pytest.mark.parametrize(
        ("text", "rule"),
        [
            ("controller: fixed\ntrack: [", "is not YAML"),
            ("'controller': fixed\nname: a\nname: b\n", "this key stands already"),
            (
                "{track: blind, controler: fixed}",
                'controler: is not a field here, got "fixed"; did you mean',
            ),
        ],
    )
    def test_a_manifest_with_faults_is_told_as_one(self, tmp_path: Path, text: str, rule: str) -> None:
        (tmp_path / "all").mkdir()
        (tmp_path / "all" / "mine.yaml").write_text(text)
        assert rule in faults(tmp_path / "all")
        assert "folder of submissions" not in faults(tmp_path / "all")

    def test_no_path_at_all(self) -> None:
        with pytest.raises(InvalidInput, match="there is no submission to play"):
            load().require()

    def test_links_in_a_folder_of_submissions_are_refused(self, tmp_path: Path) -> None:
        outside = own_code(tmp_path / "outside")
        (tmp_path / "all").mkdir()
        manifest(tmp_path / "all" / "fine.yaml", name="fine")
        assert load(tmp_path / "all").faults == ()
        (tmp_path / "all" / "folder").symlink_to(outside)
        (tmp_path / "all" / "soft.yaml").symlink_to(manifest(tmp_path / "x.yaml", name="x"))
        os.link(manifest(tmp_path / "y.yaml", name="y"), tmp_path / "all" / "hard.yaml")
        told = faults(tmp_path / "all").splitlines()
        assert [line.split("; ")[0].split("all/")[1] for line in told] == [
            "folder: is a symbolic link",
            "hard.yaml: is a hard link",
            "soft.yaml: is a symbolic link",
        ]


class TestFolders:
    def test_own_code(self, tmp_path: Path) -> None:
        submission = only(own_code(tmp_path / "a", config="{days: 4}", preload="[numpy]"))
        assert (submission.spec, submission.plugin, submission.folder) == (None, "", tmp_path / "a")
        assert submission.preload == ("numpy",)
        controller = make_factory(submission)()
        assert type(controller).__name__ == "Mine"
        assert controller.days == 4  # type: ignore[attr-defined]

    def test_a_plugins_controller_with_data_beside_the_manifest(self, tmp_path: Path) -> None:
        manifest(tmp_path / "a" / "submission.yaml")
        (tmp_path / "a" / "weights.bin").write_bytes(b"\0\1")
        assert only(tmp_path / "a").spec is SPEC

    def test_own_code_needs_a_folder(self, tmp_path: Path) -> None:
        told = faults(manifest(tmp_path / "a.yaml", controller='"mine.py:Mine"'))
        assert "own code needs a folder; a single manifest names a plugin's controller" in told

    @pytest.mark.parametrize(
        ("code", "controller", "rule"),
        [
            (CODE, "mien.py:Mine", 'controller: is no file of the submission, got "mien.py"; did you mean "mine.py"?'),
            (CODE, "mine.py:Mien", 'controller: is not defined in mine.py, got "Mien"; did you mean "Mine"?'),
            ("class Mine\n", "mine.py:Mine", 'controller: is not valid Python in line 1, got "mine.py"'),
            ("\0", "mine.py:Mine", "controller: is not valid Python"),
            ("x = " + "(" * 5000, "mine.py:Mine", "controller: is not valid Python"),
        ],
    )
    def test_what_reading_the_code_tells(self, tmp_path: Path, code: str, controller: str, rule: str) -> None:
        assert rule in faults(own_code(tmp_path / "a", code, controller=f'"{controller}"'))

    @pytest.mark.parametrize(
        "code",
        ["from other import Mine", "Mine = make()", "from other import *", "try:\n    import x\nfinally:\n    1"],
    )
    def test_what_only_running_the_code_would_tell(self, tmp_path: Path, code: str) -> None:
        assert only(own_code(tmp_path / "a", code)).controller == "mine.py:Mine"

    def test_no_code_runs_while_loading(self, tmp_path: Path) -> None:
        code = f"import os\nos.mkdir({str(tmp_path / 'ran')!r})\n{CODE}"
        submission = only(own_code(tmp_path / "a", code))
        assert not (tmp_path / "ran").exists()
        make_factory(submission)
        assert (tmp_path / "ran").exists()

    def test_config_of_own_code_is_keyword_arguments(self, tmp_path: Path) -> None:
        assert "config.look ahead: is no keyword argument" in faults(
            own_code(tmp_path / "a", config='{"look ahead": 1}')
        )

    def test_entries_that_are_no_ordinary_files_are_told_together(self, tmp_path: Path) -> None:
        folder = own_code(tmp_path / "a")
        assert load(folder).faults == ()
        (folder / "etc").symlink_to("/etc")
        (folder / "passwd").symlink_to("/etc/passwd")
        (tmp_path / "outside.txt").write_text("x")
        os.link(tmp_path / "outside.txt", folder / "hard.txt")
        os.mkfifo(folder / "pipe")
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(folder / "sock"))
            told = faults(folder)
        assert "etc: is a symbolic link; a submission is made of ordinary files" in told
        assert "passwd: is a symbolic link" in told
        assert "hard.txt: is a hard link" in told
        assert "pipe: is a named pipe" in told
        assert "sock: is a socket" in told

    def test_a_manifest_that_is_a_link_is_refused(self, tmp_path: Path) -> None:
        folder = own_code(tmp_path / "a")
        (folder / "submission.yaml").rename(tmp_path / "elsewhere.yaml")
        (folder / "submission.yaml").symlink_to(tmp_path / "elsewhere.yaml")
        assert "submission.yaml: is a symbolic link" in faults(folder)

    def test_too_many_files(self, tmp_path: Path) -> None:
        folder = own_code(tmp_path / "a")
        for number in range(LARGEST_COUNT - 2):
            (folder / f"{number}.txt").touch()
        assert load(folder).faults == ()
        (folder / "one-more.txt").touch()
        assert "holds more than 200 files and folders" in faults(folder)

    def test_too_much_data(self, tmp_path: Path) -> None:
        folder = own_code(tmp_path / "a")
        with (folder / "weights.bin").open("wb") as file:
            file.truncate(15 * 2**20)
        assert load(folder).faults == ()
        with (folder / "more.bin").open("wb") as file:
            file.truncate(2 * 2**20)
        assert "holds 17.0 MiB; a submission may have 16 MiB" in faults(folder)

    def test_folders_nested_too_deep(self, tmp_path: Path) -> None:
        folder = own_code(tmp_path / "a")
        folder.joinpath(*"12345678").mkdir(parents=True)
        assert load(folder).faults == ()
        folder.joinpath(*"123456789").mkdir(parents=True)
        assert "nests folders more than 8 deep" in faults(folder)


class TestDigests:
    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        (own_code(tmp_path / "a") / "notes.txt").write_text("one")
        return tmp_path / "a"

    def test_layout_and_defaults_of_the_manifest_do_not_matter(self, tmp_path: Path) -> None:
        plain = only(manifest(tmp_path / "a.yaml")).digest
        assert only(manifest(tmp_path / "b.yaml", config="{days: 3.0}", licence="''")).digest == plain
        (tmp_path / "c.yaml").write_text("# a comment\ntrack: blind\nname: mine\n\ncontroller: buffer\n")
        assert only(tmp_path / "c.yaml").digest == plain

    @pytest.mark.parametrize("field", [{"name": "other"}, {"track": "informed"}, {"config": "{days: 4}"}])
    def test_content_of_the_manifest_matters(self, tmp_path: Path, field: dict[str, str]) -> None:
        assert only(manifest(tmp_path / "a.yaml")).digest != only(manifest(tmp_path / "b.yaml", **field)).digest

    @pytest.mark.parametrize("field", [{"version": "1.3"}, {"distribution": "arena-bufers"}])
    def test_the_plugins_package_matters(self, tmp_path: Path, field: dict[str, str]) -> None:
        path = manifest(tmp_path / "a.yaml")
        registered = dataclasses.replace(PLUGINS.controllers["buffer"], **field)
        newer = Plugins(MappingProxyType({"buffer": registered}))
        assert only(path, plugins=newer).digest != only(path).digest

    def test_the_place_does_not_matter(self, tmp_path: Path, folder: Path) -> None:
        digest = only(folder).digest
        folder.rename(tmp_path / "b")
        assert only(tmp_path / "b").digest == digest

    def test_every_file_matters(self, folder: Path) -> None:
        digests = {only(folder).digest}
        (folder / "notes.txt").write_text("two")
        digests.add(only(folder).digest)
        (folder / "notes.txt").rename(folder / "renamed.txt")
        digests.add(only(folder).digest)
        (folder / "empty.txt").touch()
        digests.add(only(folder).digest)
        assert len(digests) == 4

    @pytest.mark.parametrize("cache", ["__pycache__", ".git", ".mypy_cache", ".pytest_cache", ".ruff_cache", ".venv"])
    def test_what_tools_leave_behind_is_no_part_of_it(self, folder: Path, tmp_path: Path, cache: str) -> None:
        before = only(folder)
        for place in (folder / cache, folder / "package" / cache):
            place.mkdir(parents=True)
            (place / "helper.py").write_text("x = 1\n")
            (place / "large").write_bytes(bytes(LARGEST_SIZE + 1))
            (place / "link").symlink_to(tmp_path)
        assert only(folder).digest == before.digest
        (tmp_path / "copies").mkdir()
        copy = take_snapshot(before, tmp_path / "copies").folder
        assert copy is not None
        assert not list(copy.rglob(cache)), "what is not in the digest must not be there to play with"
        # A file of such a name is one of the submission's like any other.
        (folder / "other").mkdir()
        (folder / "other" / cache).write_text("gitdir: elsewhere")
        assert only(folder).digest != before.digest

    def test_code_in_a_cache_cannot_be_named(self, folder: Path) -> None:
        (folder / "package" / ".git").mkdir(parents=True)
        (folder / "package" / ".git" / "mine.py").write_text(CODE)
        manifest(folder / "submission.yaml", controller='"package/.git/mine.py:Mine"')
        assert "is no file of the submission" in faults(folder)

    def test_running_it_does_not_change_it(self, folder: Path) -> None:
        (folder / "helper.py").write_text("x = 1\n")
        (folder / "mine.py").write_text("import helper\n" + CODE)
        before = only(folder)
        make_factory(before)()
        assert only(folder).digest == before.digest
        assert not (folder / "__pycache__").exists()


ARGUMENTS = {
    "class Mine:\n    def __init__(self, days=3.0): pass\n": ("days", ""),
    "class Mine:\n    def __init__(self, days): pass\n": ("days", "days"),
    "class Mine:\n    def __init__(self, /, days, *, cover, label=1): pass\n": ("days cover label", "days cover"),
    "class Mine:\n    def __init__(self, *rest, days=1): pass\n": ("days", ""),
    "class Mine:\n    'Text.'\n    size: int = 3\n    limit = 4\n    def order(self): pass\n": ("", ""),
    "class Base:\n    def __init__(self, days): pass\nclass Mine(Base):\n    pass\n": ("days", "days"),
    "class Base(object): pass\nclass Mine(Base): pass\n": ("", ""),
}
"""Arguments of a class, and those of them that it needs."""

ANYTHING = [
    "class Mine:\n    def __init__(self, **settings): pass\n",
    "from numpy import ndarray\nclass Mine(ndarray): pass\n",
    "import numpy\nclass Mine(numpy.ndarray): pass\n",
    "from dataclasses import dataclass\n@dataclass\nclass Mine:\n    days: int = 3\n",
    "class Mine(metaclass=type): pass\n",
    "class Mine:\n    def __new__(cls, days=1): return object.__new__(cls)\n",
    "class Mine:\n    if True:\n        def __init__(self, days=1): pass\n",
    "def init(self, days=1): pass\nclass Mine:\n    __init__ = init\n",
    "def init(self, days=1): pass\nclass Mine: pass\nMine.__init__ = init\n",
    "def init(self, days=1): pass\nclass Mine: pass\nsetattr(Mine, '__init__', init)\n",
    "class Mine: pass\nMine = type('Mine', (), {})\n",
    "class Mine: pass\ndef Mine(days=1): pass\n",
    "class Mine: pass\nclass Mine:\n    def __init__(self, days=1): pass\n",
    "class Mine: pass\ntry:\n    from x import Mine\nexcept ImportError: pass\n",
    "class Mine: pass\nfrom x import Mine\n",
    "class Mine(Other): pass\nclass Other(Mine): pass\n",
    "class Mine(Mine): pass\n",
    "class Mine:\n    @wrapped\n    def __init__(self): pass\n",
]


class TestArguments:
    """The config of own code is held to the arguments of its class, and the code is only read for it."""

    @pytest.mark.parametrize("code", ARGUMENTS)
    def test_a_key_is_an_argument_of_the_class(self, tmp_path: Path, code: str) -> None:
        taken, needed = (names.split() for names in ARGUMENTS[code])
        whole = dict.fromkeys(taken, 1)
        fine = own_code(tmp_path / "fine", code, config=whole)
        assert only(fine).config == whole
        found = faults(own_code(tmp_path / "more", code, config={**whole, "memry": 3}))
        assert "config.memry: is no argument of class Mine, got 3; " in found
        assert ("which takes none" in found) == (not taken)
        for name in needed:
            less = {one: 1 for one in taken if one != name}
            found = faults(own_code(tmp_path / f"less-{name}", code, config=less))
            assert f"config.{name}: class Mine needs this argument, which has no default" in found

    @pytest.mark.parametrize("code", ANYTHING)
    def test_a_class_that_is_not_understood_takes_anything(self, tmp_path: Path, code: str) -> None:
        assert only(own_code(tmp_path / "a", code, config={"memry": 3})).config == {"memry": 3}

    def test_a_misspelled_key_is_told_with_the_nearest(self, tmp_path: Path) -> None:
        found = faults(own_code(tmp_path / "a", config={"dais": 3}))
        assert 'config.dais: is no argument of class Mine, got 3; did you mean "days"?' in found


class TestSnapshots:
    def test_a_snapshot_plays_what_was_loaded(self, tmp_path: Path) -> None:
        submission = only(own_code(tmp_path / "a"))
        (tmp_path / "copies").mkdir()
        copy = take_snapshot(submission, tmp_path / "copies")
        (tmp_path / "a" / "mine.py").write_text("raise RuntimeError('edited')")
        assert copy.digest == submission.digest
        assert type(make_factory(copy)()).__name__ == "Mine"

    def test_a_folder_that_changed_since_is_refused(self, tmp_path: Path) -> None:
        submission = only(own_code(tmp_path / "a"))
        (tmp_path / "a" / "mine.py").write_text(CODE + "# edited\n")
        with pytest.raises(InvalidInput, match="changed while it was being read"):
            take_snapshot(submission, tmp_path)

    def test_a_single_manifest_needs_none(self, tmp_path: Path) -> None:
        submission = only(manifest(tmp_path / "a.yaml"))
        assert take_snapshot(submission, tmp_path) is submission


class TestLoadingCode:
    def test_the_folder_shadows_nothing(self, tmp_path: Path) -> None:
        folder = own_code(
            tmp_path / "a",
            "import colorsys, numpy, helper\nclass Mine:\n    found = (colorsys.__file__, numpy.__file__, helper.x)\n",
        )
        for name in ("colorsys", "numpy", "sitecustomize"):
            (folder / f"{name}.py").write_text("raise RuntimeError('shadowed')")
        (folder / "helper.py").write_text("x = 5")
        sys.modules.pop("colorsys", None)
        found = load_class(folder, "mine.py:Mine", "0" * 64).found  # type: ignore[attr-defined]
        assert found[2] == 5
        assert not any(str(folder) in place for place in found[:2])
        assert sys.path[-1] == str(folder)

    def test_equal_module_names_of_two_submissions_stay_apart(self, tmp_path: Path) -> None:
        code = "import helper\nclass Mine:\n    found = helper.x\n"
        for name in ("a", "b"):
            (own_code(tmp_path / name, code, name=name) / "helper.py").write_text(f"x = {name!r}")
        first, second = load(tmp_path).require()
        found = [make_factory(one)().found for one in (first, second, first)]  # type: ignore[attr-defined]
        assert found == ["a", "b", "a"]
        assert sum(entry.startswith(str(tmp_path)) for entry in sys.path) == 1

    def test_module_state_does_not_reach_the_next_episode(self, tmp_path: Path) -> None:
        code = "import helper\nhelper.count += 1\nclass Mine:\n    found = helper.count\n"
        (own_code(tmp_path / "a", code) / "helper.py").write_text("count = 0")
        submission = only(tmp_path / "a")
        assert [make_factory(submission)().found for _ in range(3)] == [1, 1, 1]  # type: ignore[attr-defined]

    def test_cached_bytecode_of_other_code_does_not_run(self, tmp_path: Path) -> None:
        folder = own_code(tmp_path / "a")
        source = folder / "mine.py"
        status = source.stat()
        # Bytecode that claims to belong to the source: same time, same size.
        import py_compile

        source.write_text(CODE.replace("3.0", "9.0"))
        os.utime(source, ns=(status.st_atime_ns, status.st_mtime_ns))
        py_compile.compile(str(source))
        source.write_text(CODE)
        os.utime(source, ns=(status.st_atime_ns, status.st_mtime_ns))
        assert make_factory(only(folder))().days == 3.0  # type: ignore[attr-defined]

    def test_a_class_that_turns_out_not_to_be_one(self, tmp_path: Path) -> None:
        submission = only(own_code(tmp_path / "a", "Mine = 5\nclass Other: ...\n"))
        with pytest.raises(InvalidInput, match="controller: is no class of it"):
            make_factory(submission)

    def test_errors_of_the_code_pass_through(self, tmp_path: Path) -> None:
        submission = only(own_code(tmp_path / "a", "raise LookupError('no licence')\n" + CODE))
        with pytest.raises(LookupError, match="no licence"):
            make_factory(submission)


def test_the_shipped_submissions_are_in_order(repository: Path) -> None:
    plugins = discover()
    if "newsvendor" not in plugins.controllers:
        pytest.skip("the plugin arena-heuristics is not installed")
    loaded = load_submissions([repository / "submissions"], plugins)
    assert loaded.faults == ()
    # The submissions of the other packages have tests of their own there.
    elsewhere = ("arena-forecasting", "arena-imitation", "arena-llm", "arena-optimization", "arena-rl")
    assert {one.name for one in loaded.submissions if one.distribution not in elsewhere} == {
        "echelon",
        "echelon-informed",
        "example-base-stock",
        "exp-smoothing",
        "exp-smoothing-informed",
        "local-base-stock",
        "local-base-stock-full-view",
        "newsvendor",
        "newsvendor-informed",
        "ss",
        "ss-informed",
    }
    for one in loaded.submissions:
        if one.distribution not in elsewhere:
            assert (one.track == "informed") == one.name.endswith("-informed")
