"""Starting points that `arena new` writes: a submission with its own code, and a plugin package."""

from __future__ import annotations

import os
import shutil
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from typing import Final

from arena.errors import ABSENT, ArenaError, Fault, InvalidInput
from arena.scaffold.names import Kind, check_name, class_name_of, package_of

__all__ = ["Kind", "scaffold"]

# Target path, with the template's variables, by template.
_SUBMISSION: Final = {
    "submission.yaml": "submission/submission.yaml.jinja",
    "controller.py": "submission/controller.py.jinja",
}
_PLUGIN: Final = {
    "pyproject.toml": "plugin/pyproject.toml.jinja",
    "README.md": "plugin/README.md.jinja",
    # A folder of its own: beside it, the whole project would be the submission, with every cache and result in it.
    "submissions/{name}.yaml": "plugin/manifest.yaml.jinja",
    "src/{package}/__init__.py": "plugin/init.py.jinja",
    "src/{package}/controller.py": "submission/controller.py.jinja",
    "src/{package}/py.typed": None,
    "tests/test_controller.py": "plugin/test_controller.py.jinja",
}


def scaffold(kind: Kind, name: str, place: Path) -> Path:
    """Write the files of a new submission or plugin.

    Args:
        kind: What to start.
        name: Its name: a slug that starts with a letter. A plugin's package and controller get the same name.
        place: Folder in which the new folder `name` is made.

    Returns:
        The new folder.

    Raises:
        InvalidInput: The name cannot be used, see `arena.scaffold.names.check_name`, or something of that name exists
            already; nothing is overwritten.
        ArenaError: The files cannot be written; none is left behind.
    """
    import jinja2

    check_name(kind, name)
    folder = place / name
    if os.path.lexists(folder):
        raise InvalidInput([Fault(str(folder), "", ABSENT, "exists already", "choose another name or remove it")])
    package = package_of(name)
    # Only our own templates are rendered, with values that matched the pattern above: nothing needs escaping.
    environment = jinja2.Environment(undefined=jinja2.StrictUndefined, keep_trailing_newline=True)
    values = {
        "name": name,
        "package": package,
        "class_name": class_name_of(name),
        "arena_version": version("inventory-arena"),
    }
    made = False
    try:
        folder.mkdir(parents=True)
        made = True
        for target, template in (_SUBMISSION if kind == "submission" else _PLUGIN).items():
            path = folder / target.format(package=package, name=name)
            path.parent.mkdir(parents=True, exist_ok=True)
            source = "" if template is None else files("arena.scaffold").joinpath(template).read_text(encoding="utf-8")
            path.write_text(environment.from_string(source).render(values), encoding="utf-8")
    except OSError as error:
        if made:
            shutil.rmtree(folder, ignore_errors=True)
        fix = "check the folder, its permissions and the disk, or choose another: --in FOLDER"
        raise ArenaError(f"{folder}: cannot be written ({error.strerror}); {fix}") from error
    return folder
