"""Submissions: what plays in the contest, as it is after `arena.entry.loading` has read and checked it.

A submission is one YAML manifest that names a plugin's controller, a folder with a `submission.yaml` and code or data
of its own, or a manifest that names such a folder by `code`. It is identified by the digest of its content.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import hashlib
import json
import re
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, Final

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from arena.contract.controller import Capability, Controller, ControllerSpec
from arena.contract.language_model import LlmEndpoint
from arena.contract.messages import Track
from arena.contract.preloading import check_preload
from arena.documents import parse_document
from arena.entry.code import check_code, find_code, read_code
from arena.entry.folder import (
    MANIFEST_NAME,
    FolderFile,
    digest_files,
    leave_folders,
    load_class,
    read_folder,
    write_files,
)
from arena.entry.sweeping import describe_source, set_values
from arena.errors import ABSENT, Fault, FaultList, FieldFault, InvalidInput, UnknownName, suggest
from arena.plugins import load_plugin
from arena.schemas import Slug, is_slug, load_as, parse_as
from arena.world.parts import Part

_LONGEST_PLACE: Final = 256
"""Characters of `file.py:ClassName`, at most."""

_OWN_CODE: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_./-]*\.py:[A-Za-z_][A-Za-z0-9_]*")


def _check_controller(controller: str) -> str:
    if is_slug(controller):
        return controller
    parts = PurePosixPath(controller.partition(":")[0]).parts
    if len(controller) > _LONGEST_PLACE or not _OWN_CODE.fullmatch(controller) or ".." in parts:
        raise ValueError('must be the name of a plugin\'s controller, or "file.py:ClassName" inside the folder')
    return str(PurePosixPath(controller))  # "a//b.py" and "./a/b.py" are one file; the digest wants one name.


def _check_module(module: str) -> str:
    broken = check_preload(module)
    if broken is not None:
        raise FaultList([FieldFault("", module, *broken)])
    return module


class Manifest(BaseModel):
    """What a submission says of itself."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Slug
    """Name in the standings: a slug of at most 64 characters, unique in the contest."""
    controller: Annotated[str, AfterValidator(_check_controller)]
    """A plugin's controller, or `file.py:ClassName` for a class of the submission's own folder or of `code`."""
    track: Track
    """Information track that the controller plays on."""
    code: Annotated[str, AfterValidator(check_code)] | None = None
    """Folder with the file of `controller`, for a manifest without a folder of its own: a path from the manifest, as in
    `my-rule` or `../my-rule`. Several manifests may name one folder."""
    config: dict[str, Any] = Field(default_factory=dict)
    """A plugin's controller: fields of its config model. Own code: keyword arguments of the class."""
    capabilities: Annotated[tuple[Capability, ...], Field(max_length=2)] = ()
    """What the controller needs beyond computing; granted by an isolation level that can contain it."""
    preload: Annotated[tuple[Annotated[str, AfterValidator(_check_module)], ...], Field(max_length=16)] = ()
    """Libraries that a host imports beforehand to save the controller's time: those of
    `arena.contract.preloading.PRELOADABLE`, or modules of theirs."""
    authors: Annotated[tuple[Annotated[str, Field(max_length=200)], ...], Field(max_length=50)] = ()
    """Who wrote the controller."""
    licence: Annotated[str, Field(max_length=100)] = ""
    """Licence of the submission's code."""
    description: Annotated[str, Field(max_length=2000)] = ""
    """What the controller does, for the reader of the standings."""
    full_view: Slug | None = None
    """Track decentralised: name of the submission that plays the same rule with the full view. What this one earns less
    is shown as its price of decentralisation."""

    fitted_rule: Slug | None = None
    """Capability llm: name of the submission that plays the same rule with parameters fitted offline. What this one
    earns more is shown as what the language model is worth."""

    @model_validator(mode="after")
    def _asks_a_model_if_compared_with_fitting(self) -> Manifest:
        if self.fitted_rule is not None and "llm" not in self.capabilities:
            rule = "only a submission with the capability llm is compared with fitted parameters"
            raise FaultList([FieldFault("fitted_rule", self.fitted_rule, rule, "remove it")])
        return self

    @model_validator(mode="after")
    def _is_decentralised_if_compared(self) -> Manifest:
        if self.full_view is not None and self.track != "decentralised":
            rule = f"only a submission of track decentralised is compared with the full view; this one is {self.track}"
            raise FaultList([FieldFault("full_view", self.full_view, rule, "remove it, or play track decentralised")])
        if self.full_view is not None and self.full_view == self.name:
            fix = "name the submission that plays the same rule on track blind"
            raise FaultList([FieldFault("full_view", self.full_view, "is the submission itself", fix)])
        return self


@dataclass(frozen=True)
class Submission:
    """A submission that passed every check short of running it.

    Pickling leaves `spec` behind, since a factory may be any callable; `make_factory` finds it again by `plugin`.

    Attributes:
        name: name in the standings.
        manifest: the manifest, `config` as it was written.
        path: manifest or folder, as it was given.
        digest: sha256 in hexadecimal of the content: manifest with defaults applied (but `full_view`, `fitted_rule` and
            `code`), the plugin's distribution and version, and every other file's name and bytes. Comments and layout
            of the manifest, and where the files stand, do not change it, and what plays cannot read them.
        folder: folder with its files, its own or that of `code`; None for a single manifest.
        controller: the plugin's controller, or `file.py:ClassName`.
        track: the information track.
        config: validated configuration as JSON values, defaults applied.
        preload: libraries that a host may import beforehand, the manifest's and the plugin's.
        plays: parts of worlds that its plugin declares to play; None: all.
        independent_only: whether its plugin plays only worlds whose stock points are independent of one another.
        spec: the plugin's declaration; None for own code.
        plugin: entry point of the plugin; empty for own code.
        distribution: installed package of the plugin; empty for own code.
        version: version of that package; empty for own code.
        endpoint: of its language model, from `endpoint` of its config; None without the capability `llm`.
        settings: what a sweep set in the config of the manifest, key and value; empty for the submission itself.
        untrusted: whether its plugin is a stranger's that nobody trusts; then it is imported in processes of its own
            only, and `spec` is None.
    """

    name: str
    manifest: Manifest
    path: Path
    digest: str
    folder: Path | None
    controller: str
    track: Track
    config: dict[str, Any]
    preload: tuple[str, ...] = ()
    plays: tuple[Part, ...] | None = None
    independent_only: bool = False
    spec: ControllerSpec[Any] | None = field(default=None, repr=False, compare=False)
    plugin: str = ""
    distribution: str = ""
    version: str = ""
    endpoint: LlmEndpoint | None = None
    settings: tuple[tuple[str, Any], ...] = ()
    untrusted: bool = False

    @property
    def manifest_path(self) -> Path:
        """Path of the manifest."""
        return self.path if self.folder is None or self.manifest.code is not None else self.path / MANIFEST_NAME

    def __getstate__(self) -> dict[str, Any]:
        """Return the fields without `spec`."""
        return {**self.__dict__, "spec": None}


def read_manifest(files: Sequence[FolderFile], source: str) -> Manifest:
    """Return the manifest among the files of a submission's folder.

    Args:
        files: the files.
        source: path of the manifest, for messages.

    Raises:
        InvalidInput: there is none, or it has faults.
    """
    content = next((file.content for file in files if file.name == MANIFEST_NAME), None)
    if content is None:
        raise InvalidInput([Fault(source, "", ABSENT, "there is no such file", "write one")])
    return parse_as(Manifest, parse_document(content, source), source)


def digest_content(
    manifest: Manifest,
    config: Mapping[str, Any],
    files: Sequence[FolderFile],
    installed: tuple[str, str] | None = None,
) -> str:
    """Return the sha256, in hexadecimal, of all that decides what a submission plays.

    Args:
        manifest: its manifest.
        config: its configuration, defaults applied.
        files: the files of its folder.
        installed: distribution and version of the plugin; None for own code.
    """
    content = {
        # With whom a submission is compared, and where its files stand, changes nothing in what it plays.
        "manifest": {
            **manifest.model_dump(mode="json", exclude={"full_view", "fitted_rule", "code"}),
            "config": config,
        },
        "plugin": installed,
        "files": digest_files(files),
    }
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    return hashlib.sha256(canonical.encode("ascii")).hexdigest()


def take_snapshot(submission: Submission, place: Path) -> Submission:
    """Copy a submission's folder, without its manifest: all that plays can read, and all of it in the digest.

    An author who goes on editing does not change what is being played, and no stale bytecode is run.

    Args:
        submission: any submission; one without a folder is returned as it is.
        place: an existing folder; the copy gets a folder of its own in it.

    Raises:
        InvalidInput: the folder is no longer what it was when the submission was loaded.
    """
    if submission.folder is None:
        return submission
    manifest, files = _read_again(submission, submission.folder)
    installed = (submission.distribution, submission.version) if submission.plugin else None
    digest = digest_content(manifest, submission.config, files, installed)
    if manifest != submission.manifest or digest != submission.digest:
        rule = "changed while it was being read"
        raise InvalidInput([Fault(str(submission.folder), "", ABSENT, rule, "leave it alone for a moment, try again")])
    copy = place / submission.name
    copy.mkdir()
    write_files(files, copy)
    return dataclasses.replace(submission, folder=copy)


def _read_again(submission: Submission, folder: Path) -> tuple[Manifest, tuple[FolderFile, ...]]:
    """Return a submission's manifest and files as they are now; a variant's manifest has its settings."""
    if submission.manifest.code is None:
        files = read_folder(folder)
        manifest = read_manifest(files, str(folder / MANIFEST_NAME))
    else:
        manifest = load_as(Manifest, submission.path)
        files = read_code(find_code(submission.path, submission.manifest.code))
    return (vary(manifest, submission.name, submission.settings) if submission.settings else manifest), files


def vary(manifest: Manifest, name: str, settings: Sequence[tuple[str, Any]]) -> Manifest:
    """Return the manifest of a variant: another name, and some keys of the config set.

    Raises:
        InvalidInput: a key leads through a value that is no group, or the manifest does not allow the name.
    """
    source = describe_source(manifest.name, settings)
    config = set_values(manifest.config, settings, source)
    return parse_as(Manifest, {**manifest.model_dump(exclude_defaults=True), "name": name, "config": config}, source)


@contextlib.contextmanager
def snapshots(submissions: Sequence[Submission]) -> Iterator[tuple[Submission, ...]]:
    """Give copies of submissions in a temporary folder, as `take_snapshot` makes them.

    Args:
        submissions: any submissions.

    Raises:
        InvalidInput: as `take_snapshot`.
    """
    with tempfile.TemporaryDirectory(prefix="arena-submissions-", ignore_cleanup_errors=True) as folder:
        place = Path(folder).resolve()
        copies = []
        for number, submission in enumerate(submissions):
            (place / str(number)).mkdir()
            copies.append(take_snapshot(submission, place / str(number)))
        try:
            yield tuple(copies)
        finally:
            leave_folders()  # At level trusted they are on the path of this process.


def make_factory(submission: Submission) -> Callable[[], Controller]:
    """Return the function that makes a submission's controller, fresh for each episode; here its code first runs.

    Args:
        submission: a loaded submission, pickled or not.

    Raises:
        InvalidInput: the own code binds no such class, or the plugin no longer gives the controller or its config.
        PluginError: the plugin cannot be loaded.
        Exception: whatever own code raises when it is imported.
    """
    config = submission.config
    if not submission.plugin and submission.spec is None:
        if submission.folder is None:
            raise ValueError(f"submission {submission.name!r} has neither a plugin nor a folder")
        own = load_class(submission.folder, submission.controller, submission.digest)
        return lambda: own(**config)
    spec = submission.spec or _find_spec(submission)
    validated = parse_as(spec.config, config, submission.name)
    return lambda: spec.factory(validated)


def _find_spec(submission: Submission) -> ControllerSpec[Any]:
    specs = _specs_of(submission.plugin)
    if submission.controller not in specs:
        rule = f'plugin "{submission.plugin}" no longer gives this controller'
        hint = suggest(submission.controller, specs)
        raise UnknownName([Fault(str(submission.path), "controller", submission.controller, rule, hint)])
    return specs[submission.controller]


@functools.cache
def _specs_of(plugin: str) -> dict[str, ControllerSpec[Any]]:
    """Return a plugin's declarations by name; installed packages are searched once per process, not per episode."""
    return {registered.spec.name: registered.spec for registered in load_plugin(plugin)}
