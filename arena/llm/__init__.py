"""The gateway: the one way from a controller to a language model.

It stands in the arena's own process, the only one that holds a key. A controller's process, which has no network, asks
its seat; the seat asks the gateway (from a worker, over a pipe); the gateway looks into the transcript, and only if the
question was never answered there does it go to an endpoint of the allow-list, within the limits of the run.
"""

from arena.llm.access import LlmAccess, LlmMode, split_playable
from arena.llm.call import Gateway, LlmCall, LlmOutcome
from arena.llm.gateway import LiveGateway, ReplayGateway
from arena.llm.session import LlmSession, LlmUse
from arena.llm.summary import describe_failures
from arena.llm.transcript import Transcript, TranscriptEntry, read_transcript

__all__ = [
    "Gateway",
    "LiveGateway",
    "LlmAccess",
    "LlmCall",
    "LlmMode",
    "LlmOutcome",
    "LlmSession",
    "LlmUse",
    "ReplayGateway",
    "Transcript",
    "TranscriptEntry",
    "describe_failures",
    "read_transcript",
    "split_playable",
]
