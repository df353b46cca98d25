"""Loading submissions: manifests and folders, read and checked against the installed plugins; none of it is run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from arena.contract.language_model import LlmEndpoint
from arena.documents import load_document
from arena.entry.classes import check_class
from arena.entry.code import find_code, read_code
from arena.entry.finding import find_submissions
from arena.entry.folder import MANIFEST_NAME, FolderFile, read_folder
from arena.entry.providers import configure, find_controllers, find_offer
from arena.entry.strangers import Strangers
from arena.entry.submission import Manifest, Submission, digest_content, read_manifest, vary
from arena.entry.sweeping import Setting, describe_settings, describe_source, make_variants, parse_setting
from arena.errors import ABSENT, Fault, InvalidInput, UnknownName, suggest
from arena.plugins import LoadFailure, Plugins
from arena.schemas import parse_as
from arena.trust import PROVIDERS
from arena.world.kinds import require_kind


class Unavailable(NamedTuple):
    """A submission that cannot play here and now: it is neither at fault nor scored.

    Its controller is in a package of the arena that is not installed, or it needs a language model and there is none.

    Attributes:
        name: name of the submission.
        path: its manifest.
        controller: the controller that it names.
        install: what to do about it, such as the command that installs the package.
        reason: why it cannot play.
    """

    name: str
    path: Path
    controller: str
    install: str
    reason: str = "is not installed"

    def __str__(self) -> str:
        """Return offender and cure on one line."""
        return f'{self.path}: controller "{self.controller}" {self.reason}; {self.install}'

    def as_fault(self) -> Fault:
        """Return it as a fault, for when nothing else can play."""
        return Fault(str(self.path), "controller", self.controller, self.reason, self.install)


class Refused(NamedTuple):
    """A submission that is at fault by itself, so that others can play without it.

    Attributes:
        path: its manifest or folder, as it was given.
        faults: everything that is wrong with it.
    """

    path: Path
    faults: tuple[Fault, ...]


@dataclass(frozen=True)
class LoadedSubmissions:
    """What `load_submissions` found.

    Attributes:
        submissions: those that can play, by name.
        wrong: what is wrong with the paths, the settings, or between submissions; nothing should start while there is
            anything.
        refused: submissions that are at fault, each by itself.
        unavailable: those that only need a package installed.
        failures: plugins that were looked at, since a submission's controller may be theirs, and could not be loaded.
    """

    submissions: tuple[Submission, ...]
    wrong: tuple[Fault, ...]
    refused: tuple[Refused, ...]
    unavailable: tuple[Unavailable, ...]
    failures: tuple[LoadFailure, ...] = ()

    @property
    def faults(self) -> tuple[Fault, ...]:
        """Everything that is wrong, of all submissions."""
        return (*self.wrong, *(fault for one in self.refused for fault in one.faults))

    def require(self) -> tuple[Submission, ...]:
        """Return the submissions that can play, none of which is at fault.

        Raises:
            InvalidInput: with every fault, if there is one; or when no submission can play.
        """
        if self.faults:
            raise InvalidInput(self.faults)
        return self.playable()

    def playable(self) -> tuple[Submission, ...]:
        """Return the submissions that can play; those that are refused are left out.

        Raises:
            InvalidInput: with what is wrong beside them; or with every fault when no submission can play.
        """
        if self.wrong:
            raise InvalidInput(self.faults)
        if not self.submissions:
            missing = [*self.faults, *(one.as_fault() for one in self.unavailable)]
            raise InvalidInput(missing or [Fault("", "", ABSENT, "there is no submission to play", "name a manifest")])
        return self.submissions


class _Entry(NamedTuple):
    """A submission as it was read, before its controller is looked up.

    Attributes:
        manifest: the manifest.
        path: manifest or folder, as it was given.
        source: what is named in faults: the manifest, or the options that made a variant.
        folder: folder of its files; None without one.
        files: the files.
        settings: what a sweep set.
    """

    manifest: Manifest
    path: Path
    source: str
    folder: Path | None
    files: tuple[FolderFile, ...]
    settings: tuple[tuple[str, Any], ...] = ()

    def __str__(self) -> str:
        """Return where it comes from."""
        return f"{self.path} with {describe_settings(self.settings)}" if self.settings else str(self.path)


def load_submissions(
    paths: str | Path | Sequence[str | Path],
    plugins: Plugins | None = None,
    settings: str | Sequence[str] = (),
    trust: str | Sequence[str] = (),
) -> LoadedSubmissions:
    """Read and check submissions; nothing of them is run.

    This process imports packages of the arena that give a controller which is named, and trusted packages. Plugins of
    strangers are imported in locked processes, which describe their controllers and check configurations.

    Args:
        paths: one manifest, submission folder or folder of submissions, or several of these. In a folder of
            submissions every YAML file is a manifest and every folder (hidden ones left out) a submission folder, or
            the `code` of a manifest; other files are ignored.
        plugins: the plugins to look in; None to find those that are installed.
        settings: variants to enter too, as ``NAME.key=a,b,c``; see `arena.entry.sweeping`.
        trust: packages of strangers that this process may import, each `PACKAGE` or `PACKAGE=DIGEST`; without effect
            on `plugins`.

    Returns:
        The submissions in the order of their names, every fault of all of them, and those whose package is missing.

    Raises:
        PluginError: two plugins give a controller the same name, or two packages declare the same entry point.
        InvalidInput: a package to trust is not installed, or has another digest.
    """
    if isinstance(paths, str | Path):
        paths = [paths]
    if isinstance(settings, str):
        settings = [settings]
    faults: list[Fault] = []
    refused: list[Refused] = []
    entries: list[_Entry] = []
    unsafe: list[Fault] = []
    for path in find_submissions([Path(path) for path in paths], faults, unsafe):
        try:
            entries.append(_read(path))
        except InvalidInput as error:
            refused.append(Refused(path, error.faults))
    refused += [Refused(Path(fault.source), (fault,)) for fault in unsafe]
    entries += _swept(entries, settings, faults)
    with Strangers() as strangers:
        if plugins is None:
            named = {entry.manifest.controller for entry in entries if ":" not in entry.manifest.controller}
            plugins = find_controllers(named, strangers, trust)
        submissions, unavailable = _admit_all(entries, plugins, strangers, faults, refused)
    submissions.sort(key=lambda one: one.name)
    return LoadedSubmissions(tuple(submissions), tuple(faults), tuple(refused), tuple(unavailable), plugins.failures)


def _admit_all(
    entries: Sequence[_Entry], plugins: Plugins, strangers: Strangers, faults: list[Fault], refused: list[Refused]
) -> tuple[list[Submission], list[Unavailable]]:
    """Return those that can play and those whose package is missing; the lists get what is wrong with the others."""
    submissions: list[Submission] = []
    unavailable: list[Unavailable] = []
    by_name: dict[str, _Entry] = {}
    faulty: set[Path] = set()
    for entry in entries:
        name = entry.manifest.name
        if entry.settings and entry.path in faulty:
            continue  # Its variants have the same faults.
        try:
            loaded = _admit(entry, plugins, strangers)
        except InvalidInput as error:
            if entry.settings:
                faults.extend(error.faults)
            else:
                refused.append(Refused(entry.path, error.faults))
                faulty.add(entry.path)
            continue
        if isinstance(loaded, Unavailable):
            unavailable.append(loaded)
        else:
            submissions.append(loaded)
        if name in by_name:
            rule = f"two submissions have this name: {by_name[name]} and {entry}"
            faults.append(Fault(entry.source, "name", name, rule, "give each its own name"))
        by_name.setdefault(name, entry)
    return submissions, unavailable


def _read(path: Path) -> _Entry:
    """Read one manifest or submission folder."""
    if path.is_dir():
        # One reading serves manifest, checks and digest, so that all three speak of the same bytes.
        source = str(path / MANIFEST_NAME)
        files = read_folder(path)
        manifest = read_manifest(files, source)
        if manifest.code is not None:
            rule = "a submission with a folder of its own has its code there"
            fix = f"remove it, or call the manifest {path.name}.yaml and put it beside the folder"
            raise InvalidInput([Fault(source, "code", manifest.code, rule, fix)])
        return _Entry(manifest, path, source, path, files)
    data = load_document(path)
    require_kind(data, "submission", str(path))
    manifest = parse_as(Manifest, data, str(path))
    if manifest.code is None:
        return _Entry(manifest, path, str(path), None, ())
    if ":" not in manifest.controller:
        rule = "goes with a class of a file in it, and the manifest names a plugin's controller"
        fix = 'remove it, or write controller: "file.py:ClassName"'
        raise InvalidInput([Fault(str(path), "code", manifest.code, rule, fix)])
    folder = find_code(path, manifest.code)
    return _Entry(manifest, path, str(path), folder, read_code(folder))


def _swept(entries: Sequence[_Entry], settings: Sequence[str], faults: list[Fault]) -> list[_Entry]:
    """Return the variants that settings ask for; `faults` gets what is wrong with the settings."""
    by_submission: dict[str, list[Setting]] = {}
    for text in settings:
        try:
            setting = parse_setting(text)
        except InvalidInput as error:
            faults.extend(error.faults)
            continue
        by_submission.setdefault(setting.submission, []).append(setting)
    known = {entry.manifest.name: entry for entry in entries}
    made: list[_Entry] = []
    for name, given in by_submission.items():
        if name not in known:
            rule = "no submission of this name is entered"
            faults.append(Fault("--set", "", name, rule, suggest(name, known)))
            continue
        try:
            made += [_varied(known[name], variant.name, variant.settings) for variant in make_variants(name, given)]
        except InvalidInput as error:
            faults.extend(error.faults)
    return made


def _varied(entry: _Entry, name: str, settings: tuple[tuple[str, Any], ...]) -> _Entry:
    source = describe_source(entry.manifest.name, settings)
    return entry._replace(manifest=vary(entry.manifest, name, settings), source=source, settings=settings)


def _admit(entry: _Entry, plugins: Plugins, strangers: Strangers) -> Submission | Unavailable:
    """Check a submission against the installed plugins."""
    manifest, path, source, folder, files, settings = entry
    if ":" not in manifest.controller:
        return _load_plugin_controller(entry, plugins, strangers)
    if folder is None:
        hint = f"put both into a folder and call the manifest {MANIFEST_NAME}, or name the folder by code: my-rule"
        rule = "own code needs a folder; a single manifest names a plugin's controller"
        raise InvalidInput([Fault(source, "controller", manifest.controller, rule, hint)])
    faults = check_class(files, manifest.controller, manifest.config, source)
    faults += [
        Fault(source, f"config.{name}", ABSENT, "is no keyword argument", "use letters, digits and underscores")
        for name in manifest.config
        if not name.isidentifier()
    ]
    endpoint = _endpoint(manifest, manifest.config, source, faults)
    if faults:
        raise InvalidInput(faults)
    return Submission(
        name=manifest.name,
        manifest=manifest,
        path=path,
        digest=digest_content(manifest, manifest.config, files),
        folder=folder,
        controller=manifest.controller,
        track=manifest.track,
        config=manifest.config,
        preload=manifest.preload,
        endpoint=endpoint,
        settings=settings,
    )


def _load_plugin_controller(entry: _Entry, plugins: Plugins, strangers: Strangers) -> Submission | Unavailable:
    manifest, path, source, folder, files, settings = entry
    offer = find_offer(manifest.controller, plugins)
    if offer is None:
        return _missing(entry, plugins)
    promises = offer.promises
    faults: list[Fault] = []
    if manifest.track not in promises.tracks:
        rule = f'controller "{promises.name}" does not play on this track'
        faults.append(Fault(source, "track", manifest.track, rule, suggest(manifest.track, promises.tracks)))
    config: dict[str, Any] = {}
    try:
        config = configure(offer, manifest.config, source, strangers)
    except InvalidInput as error:
        faults += [fault._replace(field=_within_config(fault.field)) for fault in error.faults]
    for capability in promises.capabilities:
        if capability not in manifest.capabilities:
            rule = f'controller "{promises.name}" needs "{capability}"'
            fix = f"write capabilities: [{', '.join(dict.fromkeys((*manifest.capabilities, *promises.capabilities)))}]"
            faults.append(Fault(source, "capabilities", list(manifest.capabilities), rule, fix))
    if faults:
        raise InvalidInput(faults)
    endpoint = _endpoint(manifest, config, source, faults)
    if faults:
        raise InvalidInput(faults)
    return Submission(
        name=manifest.name,
        manifest=manifest,
        path=path,
        digest=digest_content(manifest, config, files, (offer.distribution, offer.version)),
        folder=folder,
        controller=promises.name,
        track=manifest.track,
        config=config,
        preload=tuple(dict.fromkeys((*manifest.preload, *promises.preload))),
        plays=promises.plays,
        independent_only=promises.independent_only,
        spec=offer.spec,
        plugin=offer.plugin,
        distribution=offer.distribution,
        version=offer.version,
        endpoint=endpoint,
        settings=settings,
        untrusted=offer.spec is None,
    )


def _missing(entry: _Entry, plugins: Plugins) -> Unavailable:
    """Return the submission of a package of the arena that is not installed.

    Raises:
        UnknownName: no package gives its controller.
    """
    name = entry.manifest.controller
    provider = PROVIDERS.get(name)
    present = {failure.distribution for failure in plugins.failures}
    present |= {one.distribution for one in plugins.controllers.values()}
    if provider is not None and provider not in present:
        line = f"in a checkout of arena: pip install ./plugins/{provider}"
        return Unavailable(entry.manifest.name, entry.path, name, line)
    hint = suggest(name, {**plugins.controllers, **plugins.described})
    hint += "".join(f"; not loaded: {failure}" for failure in plugins.failures)
    rule = "no installed plugin gives this controller"
    raise UnknownName([Fault(entry.source, "controller", name, rule, hint)])


def _endpoint(manifest: Manifest, config: Mapping[str, Any], source: str, faults: list[Fault]) -> LlmEndpoint | None:
    """Return the endpoint that a manifest with the capability `llm` names in its config."""
    if "llm" not in manifest.capabilities:
        return None
    if not isinstance(config.get("endpoint"), Mapping):
        rule = "a submission with the capability llm names its language model here"
        faults.append(Fault(source, "config.endpoint", ABSENT, rule, "give base_url and model"))
        return None
    try:
        return parse_as(LlmEndpoint, dict(config["endpoint"]), source)
    except InvalidInput as error:
        faults += [fault._replace(field=f"config.endpoint.{fault.field}") for fault in error.faults]
        return None


def _within_config(path: str) -> str:
    return f"config.{path}" if path else "config"
