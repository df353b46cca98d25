"""A deterministic rule-based responder that speaks the protocol of chat completions. It is no language model.

``python -m arena_llm.responder`` serves it on loopback, to try the tuners where there is no endpoint. It reads lead
times, fulfilment and recent demand off the question and answers by a few fixed rules. Whatever it answers bears the
model name `RESPONDER`, so that transcripts, results and reports say where it came from.
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

RESPONDER: Final = "rule-based-responder"
"""The model name in every reply."""

_LARGEST_REQUEST: Final = 1024 * 1024
_CHARACTERS_PER_TOKEN: Final = 4


def answer_question(text: str) -> dict[str, float]:
    """The rules: more safety where unfilled sales are lost, less ordering upstream as the end comes near.

    Args:
        text: the question.
    """
    lead_times = [int(found) for found in re.findall(r"lead time (\d+)", text)]
    longest = max(lead_times, default=0)
    lost = "unfilled sales are lost" in text
    period = re.search(r"Period (\d+) of (\d+) begins", text)
    share = int(period[1]) / max(1, int(period[2])) if period else 0.0
    left = max(0.2, 1.0 - share)
    unfilled = [float(number) for part in re.findall(r"unfilled ([\d. ]+)", text) for number in part.split()]
    short = 0.25 if any(number > 0 for number in unfilled) else 0.0
    return {
        "demand_multiplier": round(max(0.5, (1.1 if lost else 1.0) * (1.0 if share < 0.6 else left * 1.5)), 3),
        "safety_z": round((1.0 if lost else 0.7) * left + short, 3),
        "order_cap_fraction": 0.35 if longest < 10 else 0.25,
        "retail_multiplier": 1.0,
        "distribution_multiplier": round(max(0.2, 0.9 * min(1.0, 1.6 * left)), 3),
        "factory_multiplier": round(max(0.2, 0.8 * min(1.0, 1.4 * left)), 3),
    }


class Responder(BaseHTTPRequestHandler):
    """Answers ``POST …/chat/completions`` and ``GET …/models``."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """List the one model."""
        self._reply(200, {"object": "list", "data": [{"id": RESPONDER, "object": "model", "created": 0}]})

    def do_POST(self) -> None:
        """Answer a question."""
        length = int(self.headers.get("Content-Length") or 0)
        if not 0 < length <= _LARGEST_REQUEST or not self.path.endswith("/chat/completions"):
            self._reply(400, {"error": {"message": "only chat completions are answered here"}})
            return
        asked = json.loads(self.rfile.read(length))
        text = "\n".join(str(message.get("content")) for message in asked.get("messages", []))
        content = json.dumps(answer_question(text))
        self._reply(200, completion(RESPONDER, content, text))

    def log_message(self, format: str, *args: object) -> None:
        """Keep quiet."""

    def _reply(self, status: int, content: dict[str, Any]) -> None:
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def completion(model: str, content: str, question: str) -> dict[str, Any]:
    """A chat completion as the protocol has it; tokens are estimated from the characters."""
    used = {"prompt_tokens": len(question) // _CHARACTERS_PER_TOKEN, "completion_tokens": len(content) // 4}
    return {
        "id": "chatcmpl-0",
        "object": "chat.completion",
        "created": 0,
        "model": model,
        "choices": [
            {
                "index": 0,
                "finish_reason": "stop",
                "message": {"role": "assistant", "content": content},
                "logprobs": None,
            }
        ],
        "usage": {**used, "total_tokens": sum(used.values())},
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve until interrupted.

    Args:
        arguments: of the command line; None for those of the process.
    """
    parser = argparse.ArgumentParser(prog="python -m arena_llm.responder", description=__doc__)
    parser.add_argument("--port", type=int, default=8377)
    port = parser.parse_args(arguments).port
    with ThreadingHTTPServer(("127.0.0.1", port), Responder) as server:
        print(f"http://127.0.0.1:{server.server_port}/v1 (a rule-based responder, no language model)", flush=True)
        server.serve_forever()


if __name__ == "__main__":
    main()
