"""Options that limit what language models may be asked, for all commands that have them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from arena.contract.language_model import LlmLimits

ModelCalls = Annotated[
    int | None,
    typer.Option("--llm-calls", help="Questions that each submission may ask, earlier runs into the folder included."),
]
ModelTokens = Annotated[
    int | None,
    typer.Option("--llm-tokens", help="Tokens that each submission may use, earlier runs into the folder included."),
]
ModelEpisodeCalls = Annotated[
    int | None,
    typer.Option("--llm-episode-calls", help="Questions that each submission may ask in an episode; 20 unless given."),
]
ModelEpisodeTokens = Annotated[
    int | None,
    typer.Option("--llm-episode-tokens", help="Tokens that each submission may use in an episode; 50000 unless given."),
]
ModelTimeout = Annotated[
    float | None,
    typer.Option("--llm-timeout", help="Seconds of one attempt to ask, reply included; 60 unless given."),
]
ModelRetries = Annotated[
    int | None,
    typer.Option("--llm-retries", help="Further attempts after one that failed, with growing pauses; 2 unless given."),
]
ModelFailuresInARow = Annotated[
    int | None,
    typer.Option(
        "--llm-failures-in-a-row",
        help="Questions without an answer after which a submission's endpoint is given up; 20 unless given.",
    ),
]


def model_limits(**options: float | None) -> LlmLimits | None:
    """Return the limits that options set; None if none is set.

    Raises:
        InvalidInput: a number is out of its range; the faults name the options.
    """
    from arena.llm.access import make_limits

    return make_limits(**options)
