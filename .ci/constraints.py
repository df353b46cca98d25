"""Writes the files of exact versions: `constraints.txt` of the newest, `constraints-lowest.txt` of the lowest releases.

Run it with `tox -e constraints`: versions that are pinned already stay where they fit, so that a new dependency adds
lines and moves nothing. `tox -e constraints -- --upgrade` moves all to the newest releases. uv resolves for every
platform and every Python from the lowest supported one on; nothing is installed.
"""

from __future__ import annotations

import argparse
import configparser
import re
import subprocess
import tempfile
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

REPOSITORY: Final = Path(__file__).resolve().parent.parent
PROJECTS: Final = ("pyproject.toml", "plugins/*/pyproject.toml", "tests/*/pyproject.toml")

#: Releases that no resolution may move. torch: tests compare its results and gradients with numpy's to tight
#: tolerances, so all runs use one release; it is also by far the largest download.
FIXED: Final[Mapping[str, str]] = {"torch": "2.13.0"}

#: The tools of the repository. Nobody gets them with a package, so their lowest versions need not work.
TOOL_EXTRAS: Final = frozenset({"docs"})

HEADER: Final = """\
# {title}
#
# Made by `tox -e constraints` from every pyproject.toml and tox.ini; do not edit. See CONTRIBUTING.md, "Versions".
"""
TITLES: Final[Mapping[str, str]] = {
    "constraints.txt": "Exact versions of everything that the commands of the README install.",
    "constraints-lowest.txt": "The lowest release of every declared dependency, for `tox -e lowest`.",
}


def projects(repository: Path) -> dict[Path, dict[str, Any]]:
    """The content of every pyproject.toml of the repository, by path."""
    found = (path for pattern in PROJECTS for path in sorted(repository.glob(pattern)))
    return {path: tomllib.loads(path.read_text(encoding="utf-8")) for path in found}


def distribution(requirement: str) -> str:
    """The normalised name of the distribution that a requirement names.

    >>> distribution("Jinja2[i18n]>=3.1; sys_platform == 'linux'")
    'jinja2'
    """
    match = re.match(r"[A-Za-z0-9][A-Za-z0-9._-]*", requirement)
    if match is None:
        raise ValueError(f"a requirement begins with the name of a distribution, got {requirement!r}")
    return re.sub(r"[-_.]+", "-", match[0]).lower()


def of_packages(repository: Path, *, tools: bool = True) -> set[str]:
    """The requirements that the packages declare: for their build, their use and their extras.

    Args:
        repository: the checkout.
        tools: whether the extras that hold only tools of the repository count.
    """
    found: set[str] = set()
    for content in projects(repository).values():
        project = content["project"]
        found.update(content["build-system"]["requires"], project.get("dependencies", ()))
        for extra, requirements in project.get("optional-dependencies", {}).items():
            if tools or extra not in TOOL_EXTRAS:
                found.update(requirements)
    return found


def of_tox(repository: Path) -> set[str]:
    """The requirements that tox.ini names: those of tox itself, and the `deps` of its environments."""
    parser = configparser.ConfigParser(interpolation=None)
    parser.read_string((repository / "tox.ini").read_text(encoding="utf-8"))
    return {
        line.strip()
        for section in parser.values()
        for key in ("deps", "requires")
        for line in section.get(key, "").splitlines()
        if line.strip() and not line.strip().startswith(("#", "-"))
    }


def third_party(repository: Path, requirements: Iterable[str]) -> list[str]:
    """The requirements that a package index must serve, sorted; the repository's own packages are left out."""
    own = {distribution(content["project"]["name"]) for content in projects(repository).values()}
    return sorted(each for each in requirements if distribution(each) not in own)


def sources(repository: Path) -> dict[str, list[str]]:
    """The third-party requirements that each file of constraints pins, by the file's name."""
    packages = of_packages(repository)
    return {
        "constraints.txt": third_party(repository, {*packages, *of_tox(repository), "tox"}),
        "constraints-lowest.txt": third_party(repository, of_packages(repository, tools=False)),
    }


def options(name: str) -> Iterator[str]:
    """The options of `uv pip compile` that differ between the files."""
    if name == "constraints-lowest.txt":
        yield "--resolution=lowest-direct"


def write(name: str, requirements: list[str], python: str, upgrade: bool) -> None:
    """Resolve requirements and write them as exact versions, under a header that says how."""
    target = REPOSITORY / name
    with tempfile.TemporaryDirectory() as folder:
        wanted, fixed, resolved = (Path(folder) / each for each in ("wanted.in", "fixed.txt", "resolved.txt"))
        wanted.write_text("\n".join(requirements) + "\n", encoding="utf-8")
        fixed.write_text("".join(f"{each}=={version}\n" for each, version in FIXED.items()), encoding="utf-8")
        if target.exists() and not upgrade:
            resolved.write_text(target.read_text(encoding="utf-8"), encoding="utf-8")
        command = ["uv", "pip", "compile", "--universal", "--no-header", "--no-annotate", "--quiet"]
        command += [f"--python-version={python}", f"--constraints={fixed}", f"--output-file={resolved}"]
        subprocess.run([*command, *options(name), wanted], check=True, stdout=subprocess.DEVNULL)
        pins = resolved.read_text(encoding="utf-8")
    target.write_text(HEADER.format(title=TITLES[name]) + pins, encoding="utf-8")
    print(f"{name}: {len(pins.splitlines())} pins")


def main() -> None:
    """Write both files."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--upgrade", action="store_true", help="move to the newest releases that fit")
    arguments = parser.parse_args()
    python = projects(REPOSITORY)[REPOSITORY / "pyproject.toml"]["project"]["requires-python"].removeprefix(">=")
    for name, requirements in sources(REPOSITORY).items():
        write(name, requirements, python, arguments.upgrade)


if __name__ == "__main__":
    main()
