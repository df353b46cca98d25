"""The gateway: the one way from a controller to a language model.

It stands in the arena's own process, the only one that holds a key. A controller's process, which has no network, asks
its seat; the seat asks the gateway (from a worker, over a pipe); the gateway looks into the transcript, and only if the
question was never answered there does it go to an endpoint of the allow-list, within the limits of the run.
"""

from arena.contest.gateway.access import LlmMode, ModelAccess, split_playable
from arena.contest.gateway.call import Gateway, ModelCall, ModelOutcome
from arena.contest.gateway.gateway import LiveGateway, ReplayGateway
from arena.contest.gateway.session import ModelSession, ModelUse
from arena.contest.gateway.summary import describe_failures
from arena.contest.gateway.transcript import TRANSCRIPT_NAME, Transcript, TranscriptEntry, read_transcript

__all__ = [
    "TRANSCRIPT_NAME",
    "Gateway",
    "LiveGateway",
    "LlmMode",
    "ModelAccess",
    "ModelCall",
    "ModelOutcome",
    "ModelSession",
    "ModelUse",
    "ReplayGateway",
    "Transcript",
    "TranscriptEntry",
    "describe_failures",
    "read_transcript",
    "split_playable",
]
