"""Writes `arena/report/vendor/plot.min.js`: the drawing library of the pages, as one file, from npm.

Run it with `python .ci/vendor.py`; it needs npm. Observable Plot, and the parts of D3 that it uses, are bundled by
esbuild in the versions of `VERSIONS`; what else they need is in `package-lock.json` beside the bundle, with the digests
of the packages. The licences of all bundled packages are written to `LICENSES.txt`, and the bundle's digest to
`plot.min.js.sha256`, which a test compares.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Final

TARGET: Final = Path(__file__).resolve().parent.parent / "arena" / "report" / "vendor"
VERSIONS: Final = {"@observablehq/plot": "0.6.17", "esbuild": "0.28.2"}
LOCK: Final = "package-lock.json"
BUNDLE: Final = "plot.min.js"


def install(folder: Path) -> None:
    """Install the packages into a folder, in the versions of the lock file where there is one."""
    manifest = {"name": "arena-pages", "private": True, "license": "MIT", "dependencies": VERSIONS}
    (folder / "package.json").write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
    if (TARGET / LOCK).exists():
        shutil.copy(TARGET / LOCK, folder / LOCK)
    subprocess.run(["npm", "install", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=folder, check=True)


def bundle(folder: Path) -> tuple[bytes, set[str]]:
    """Bundle the library.

    Returns:
        The script, which defines the global name `Plot`, and the folders of the packages that are in it.
    """
    (folder / "entry.js").write_text('export * from "@observablehq/plot";\n', encoding="utf-8")
    command = ["node", "node_modules/esbuild/bin/esbuild", "entry.js", "--bundle", "--minify", "--format=iife"]
    command += ["--global-name=Plot", "--target=es2020", "--legal-comments=none", "--charset=ascii"]
    command += ["--metafile=meta.json", f"--outfile={BUNDLE}"]
    subprocess.run(command, cwd=folder, check=True)
    inputs = json.loads((folder / "meta.json").read_text(encoding="utf-8"))["inputs"]
    return (folder / BUNDLE).read_bytes(), {_package(path) for path in inputs if path.startswith("node_modules/")}


def _package(path: str) -> str:
    """The folder of the package that a file belongs to.

    >>> _package("node_modules/@observablehq/plot/src/index.js")
    'node_modules/@observablehq/plot'
    """
    parts = path.split("/")
    last = len(parts) - 1 - parts[::-1].index("node_modules")
    return "/".join(parts[: last + (3 if parts[last + 1].startswith("@") else 2)])


def licences(folder: Path, packages: set[str]) -> str:
    """The names, versions and licences of packages as one text."""
    found = []
    for package in sorted(packages):
        manifest = json.loads((folder / package / "package.json").read_text(encoding="utf-8"))
        texts = sorted((folder / package).glob("LICEN[CS]E*"))
        text = texts[0].read_text(encoding="utf-8").strip() if texts else ""
        heading = f"{manifest['name']} {manifest['version']} ({manifest['license']})"
        found.append(f"{heading}\n{'-' * len(heading)}\n{text}\n")
    return "\n\n".join(found)


def main() -> None:
    """Write the files."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        install(folder)
        script, packages = bundle(folder)
        heading = f"/* Observable Plot {VERSIONS['@observablehq/plot']} with D3; licences: LICENSES.txt */\n".encode()
        script = heading + script
        (TARGET / BUNDLE).write_bytes(script)
        digest = hashlib.sha256(script).hexdigest()
        (TARGET / f"{BUNDLE}.sha256").write_text(f"{digest}  {BUNDLE}\n", encoding="ascii")
        (TARGET / "LICENSES.txt").write_text(licences(folder, packages), encoding="utf-8")
        lock = json.loads((folder / LOCK).read_text(encoding="utf-8"))
        for entry in lock["packages"].values():
            entry.pop("resolved", None)  # where it was downloaded from is a matter of the machine
        (TARGET / LOCK).write_text(json.dumps(lock, indent=2) + "\n", encoding="utf-8")
        print(f"{BUNDLE}: {len(script):,} bytes, sha256 {digest}, {len(packages)} packages")


if __name__ == "__main__":
    main()
