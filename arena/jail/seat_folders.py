"""The folders of one seat: the one that its controller works in, and a copy of its submission."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Final, NamedTuple

from arena.jail.trees import copy_tree, remove_tree

_HOME: Final = "home"
_SUBMISSION: Final = "submission"


class SeatFolders(NamedTuple):
    """Folders of a seat.

    Attributes:
        directory: folder with the copy of the submission, which exists if there is one.
        room: file system with the folder that the controller works in; `directory` may lie in it too.
        name: name of the seat's folder in the room.
    """

    directory: Path
    room: Path
    name: str

    @property
    def home(self) -> Path:
        """Folder that the controller works in."""
        return self.room / self.name / _HOME

    @property
    def submission(self) -> Path:
        """Copy of the submission's folder."""
        return self.directory / _SUBMISSION

    def make(self, submissions: Iterable[int]) -> None:
        """Make the folders.

        Args:
            submissions: open descriptor of the submission's folder, at most one.

        Raises:
            OSError: a folder or a file cannot be made.
        """
        self.home.mkdir(mode=0o700, parents=True)
        for folder in submissions:
            self.directory.mkdir(mode=0o700, exist_ok=True)
            copy_tree(folder, self.submission)

    def remove(self) -> None:
        """Delete the folders, as far as they exist, with all that is in them."""
        for folder in {self.room / self.name, self.directory}:
            if os.path.lexists(folder):
                remove_tree(folder)
