"""Starting points that `arena new` writes: a submission, a plugin package, or a world of one's own data."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path
from typing import Final

from arena.scaffold.names import Kind, check_name, class_name_of, package_of
from arena.scaffold.world import NewWorld, new_world
from arena.scaffold.writing import render, require_absent, write_files

__all__ = ["Kind", "NewWorld", "new_world", "scaffold"]

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
    check_name(kind, name)
    folder = place / name
    require_absent(folder)
    package = package_of(name)
    # The values matched the pattern above: nothing needs escaping.
    values = {
        "name": name,
        "package": package,
        "class_name": class_name_of(name),
        "arena_version": version("inventory-arena"),
    }
    contents = {
        target.format(package=package, name=name): "" if template is None else render(template, values)
        for target, template in (_SUBMISSION if kind == "submission" else _PLUGIN).items()
    }
    write_files(folder, contents)
    return folder
