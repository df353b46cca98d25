"""What one episode may cost: the deadlines and caps that every host keeps."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass

from arena.errors import Fault, InvalidInput

KIBIBYTE = 1024
MEBIBYTE = 1024 * KIBIBYTE
GIBIBYTE = 1024 * MEBIBYTE


@dataclass(frozen=True)
class Limits:
    """Deadlines in seconds of the host's monotonic clock, sizes in bytes, of one seat in one episode.

    A seat is one controller: an episode of the decentralised track has one per managed node, each with these limits.
    The worst round trip seen on an idle machine took 7 ms, so a decision limit below 0.1 s would punish the innocent.

    Attributes:
        setup: Import of the controller, its construction and ``begin``, together.
        first_decision: The first ``order``; longer than the others for libraries that compile on first use.
        decision: Every later ``order``; also the ``time_budget`` of the briefing.
        close: ``close`` at the end of the episode.
        bank: Everything above but ``close``, added up over the episode.
        frame_cap: Largest message a host reads from a controller.
        stderr_tail: How much of the end of the controller's standard output and error is kept.
        memory: Address space a controller may add to that of the bare child. Kept on Linux only.
        file_size: Largest file a controller may write.
        open_files: Descriptors a controller may hold.
        processes: Processes and threads of the user while the controller runs. The kernel ignores it for root.
        tasks: Threads, and processes, that a controller may have at a time. Looked at several times a second.
        disk: What a controller may write to files, in all. Looked at several times a second.
        files: Files and folders that a controller may have at a time. Looked at several times a second.
    """

    setup: float = 30.0
    first_decision: float = 10.0
    decision: float = 1.0
    close: float = 2.0
    bank: float = 60.0
    frame_cap: int = 8 * MEBIBYTE
    stderr_tail: int = 4 * KIBIBYTE
    memory: int = 2 * GIBIBYTE
    file_size: int = 64 * MEBIBYTE
    open_files: int = 128
    processes: int = 4096
    tasks: int = 64
    disk: int = 512 * MEBIBYTE
    files: int = 1000

    def __post_init__(self) -> None:
        """Refuse a limit that is not a positive finite number.

        Raises:
            InvalidInput: Naming every limit at fault.
        """
        faults = [
            Fault("limits", field.name, value, "must be a positive finite number", f"the default is {field.default}")
            for field in dataclasses.fields(self)
            if not (math.isfinite(value := getattr(self, field.name)) and value > 0)
        ]
        if faults:
            raise InvalidInput(faults)
