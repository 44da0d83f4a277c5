"""The stand-in's chat endpoint: what a cheap text model would do for us, which is to write summaries.

Whatever it is asked, it writes a summary of the text it is given, out of that text and nothing else, no longer than
it was told; and it counts its tokens. One mind does it all, so what a summary loses here is really lost.

What it says no to is what OpenAI says no to: a realtime model, `max_tokens` for a reasoning model, streams and
anything that is no chat request.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Literal, cast

from laconic.items import Wire
from laconic.simulator.ids import Ids
from laconic.simulator.minds.reply import HeardItem, language
from laconic.simulator.minds.summing_up import summary
from laconic.simulator.rejected import Rejected
from laconic.tokens import text_tokens

__all__ = ["Chat", "ChatFault"]

ChatFault = Literal["error", "never", "empty", "cut", "old"]

_MESSAGE, _ANSWER = 4, 3
"""Tokens of framing for each message, and for the beginning of the answer (OpenAI cookbook, counting tokens)."""
_REASONING = ("gpt-5", "gpt-6", "o1", "o3", "o4")


@dataclass(slots=True, kw_only=True)
class Chat:
    """How the endpoint behaves. Tests may change it while it runs."""

    latency_s: float = 0.8
    """From the request to its answer, in the service's seconds; nothing in sample time."""
    fault: ChatFault | None = None
    """`error`: HTTP 500. `never`: no answer. `empty`: an answer of no words. `cut`: one that is cut off half-way.
    `old`: it knows `max_tokens` only."""
    asked: deque[Wire] = field(default_factory=lambda: deque[Wire](maxlen=100))
    """The requests, newest last, for looking inside."""

    def answer(self, body: bytes, ids: Ids, *, deployment: str | None = None, epoch: int = 0) -> tuple[int, Wire]:
        """HTTP status and JSON for a request's body. `deployment`: the model, where the address names it."""
        try:
            request = self._checked(body, deployment)
        except Rejected as no:
            error = {key: value for key, value in no.to_wire(None).items() if key != "event_id"}
            status = HTTPStatus.NOT_FOUND if no.code == "model_not_found" else HTTPStatus.BAD_REQUEST
            return status, {"error": error}
        self.asked.append(request)
        if self.fault == "error":
            message = "The server had an error while processing your request. Sorry about that!"
            return HTTPStatus.INTERNAL_SERVER_ERROR, {
                "error": {"message": message, "type": "server_error", "param": None, "code": None}
            }
        text = self._written(request)
        read = sum(text_tokens(_words(message)) + _MESSAGE for message in request["messages"]) + _ANSWER
        return HTTPStatus.OK, {
            "id": f"chatcmpl-{ids.letters(29)}",
            "object": "chat.completion",
            "created": epoch,
            "model": request["model"],
            "choices": [
                {
                    "index": 0,
                    "message": {"role": "assistant", "content": text, "refusal": None},
                    "logprobs": None,
                    "finish_reason": "length" if self.fault == "cut" else "stop",
                }
            ],
            "usage": _usage(read, text_tokens(text)),
        }

    def _checked(self, body: bytes, deployment: str | None) -> Wire:
        try:
            given: Any = json.loads(body)
        except ValueError:
            given = None
        if not isinstance(given, dict):
            raise Rejected(None, "We could not parse the JSON body of your request.")
        request = cast(Wire, given)
        request["model"] = model = deployment or request.get("model")
        if not isinstance(model, str) or not model:
            raise Rejected(None, "you must provide a model parameter")
        if model.startswith("gpt-realtime"):
            raise Rejected(
                "model_not_found",
                "This is not a chat model and thus not supported in the v1/chat/completions endpoint.",
                "model",
            )
        messages = request.get("messages")
        if not isinstance(messages, list) or not messages:
            raise Rejected.missing("messages")
        if not all(isinstance(message, dict) for message in cast("list[Any]", messages)):
            raise Rejected.value("messages", messages, "Expected an array of objects.")
        if request.get("stream"):
            raise Rejected("unsupported_value", "The stand-in does not stream.", "stream")
        if "max_tokens" in request and model.startswith(_REASONING):
            raise Rejected(
                "unsupported_parameter",
                "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' "
                "instead.",
                "max_tokens",
            )
        if "max_completion_tokens" in request and self.fault == "old":
            raise Rejected(None, "Unrecognized request argument supplied: max_completion_tokens")
        return request

    def _written(self, request: Wire) -> str:
        if self.fault == "empty":
            return ""
        given = [_words(message) for message in request["messages"] if message.get("role") == "user"]
        most = request.get("max_completion_tokens", request.get("max_tokens"))
        items = [HeardItem("system", words, "text") for words in given]
        text = summary(items, language(" ".join(given)), most if isinstance(most, int) else None)
        return text[: len(text) // 2] if self.fault == "cut" else text


def _words(message: Mapping[str, Any]) -> str:
    """The text of a message, written as one string or as parts."""
    content: Any = message.get("content")
    if isinstance(content, list):
        parts = [cast(Wire, part) for part in cast("list[Any]", content) if isinstance(part, dict)]
        content = "".join(str(part.get("text", "")) for part in parts)
    return content if isinstance(content, str) else ""


def _usage(read: int, written: int) -> Wire:
    return {
        "prompt_tokens": read,
        "completion_tokens": written,
        "total_tokens": read + written,
        "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 0},
    }
