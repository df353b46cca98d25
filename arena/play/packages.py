"""Packages of strangers that an evaluation trusts: those that are named, and those that its submissions come from."""

from __future__ import annotations

from collections.abc import Sequence

from arena.entry.submission import Submission
from arena.errors import UnknownName
from arena.installed import GROUP, normalised
from arena.results.trusted import TrustedPackageRow
from arena.trust import is_own, resolve_trust


def trusted_packages(submissions: Sequence[Submission], named: Sequence[str] = ()) -> tuple[TrustedPackageRow, ...]:
    """Return the strangers' packages that the arena's process has imported or may import, sorted by name.

    Args:
        submissions: who plays; a package whose plugin this process has imported is trusted, whoever said so.
        named: further ones, each `PACKAGE` or `PACKAGE=DIGEST`.

    Raises:
        UnknownName: a package that is named is not installed.
        InvalidInput: it has another digest than the one that is given.
    """
    found = {one.name: TrustedPackageRow(**one._asdict()) for one in resolve_trust(named, GROUP).values()}
    known = {normalised(name) for name in found}
    for one in submissions:
        name = one.distribution
        if not name or one.untrusted or is_own(name) or normalised(name) in known:
            continue
        known.add(normalised(name))
        try:
            [installed] = resolve_trust(name, GROUP).values()
            found[name] = TrustedPackageRow(**installed._asdict())
        except UnknownName:
            found[name] = TrustedPackageRow(name=name, version=one.version, digest="")
    return tuple(sorted(found.values(), key=lambda one: (one.name, one.version, one.digest)))
