"""Calls, which somebody else's media carries: made by POST, joined from the side, hung up.

    POST /v1/realtime/calls                 multipart `sdp` and `session`, or SDP alone: 201 and its `Location`
    POST /v1/realtime/calls/rtc_…/hangup    200
    wss …/v1/realtime?call_id=rtc_…         joins from the side

(Azure's `/openai/v1/realtime/calls` too; PROTOCOL.md section 6.2.) The SDP answer is well formed and leads nowhere: no
media is carried here. Instead a WebSocket at `?call_id=rtc_…&leg=caller` plays the call: what it appends is the
caller's voice, it is given the reply's sound, and with it the call ends. That parameter is the stand-in's own; so is
joining a session that began on a WebSocket, by its `sess_…` id.
"""

from __future__ import annotations

import json
import re
from email import message_from_bytes
from email.message import Message
from email.policy import HTTP
from typing import Any, cast

from laconic.simulator.ids import Ids
from laconic.simulator.rejected import Rejected
from laconic.simulator.running import Running

__all__ = ["CALLS_PATH", "HANGUP_PATH", "Calls", "answer_to", "offered"]

CALLS_PATH = re.compile(r"/(?:openai/)?v1/realtime/calls")
HANGUP_PATH = re.compile(r"/(?:openai/)?v1/realtime/calls/(?P<call>[^/]+)/hangup")

_FINGERPRINT = ":".join(["00"] * 32)
"""Of a certificate that nobody will ever see."""


class Calls:
    """The sessions one may join, by the id of the call or of the session."""

    def __init__(self) -> None:
        self._ids = Ids("calls")
        self._running: dict[str, Running] = {}

    def enter(self, name: str, running: Running) -> None:
        """From now on it may be joined by this name."""
        self._running[name] = running

    def open(self, running: Running) -> str:
        """A new call; its id."""
        call_id = self._ids("rtc")
        self.enter(call_id, running)
        return call_id

    def strike(self, running: Running) -> None:
        """It is over."""
        self._running = {name: known for name, known in self._running.items() if known is not running}

    def find(self, call_id: str) -> Running:
        """Raises Rejected if there is no such call, or none any more."""
        if call_id not in self._running:
            raise Rejected("invalid_value", f"No call with id '{call_id}' is running.", "call_id")
        return self._running[call_id]

    def hang_up(self, call_id: str) -> None:
        self.find(call_id).hang_up()


def offered(content_type: str, body: bytes) -> tuple[str, dict[str, Any] | None]:
    """The SDP offer and the session's settings that were posted. Raises Rejected."""
    message = message_from_bytes(f"Content-Type: {content_type}\r\n\r\n".encode() + body, policy=HTTP)
    if message.get_content_type() == "application/sdp":
        return _checked(body.decode(errors="replace")), None
    fields = {str(part.get_param("name", header="content-disposition")): part for part in _parts(message)}
    if "sdp" not in fields:
        raise Rejected.missing("sdp")
    return _checked(_text(fields["sdp"])), _session(_text(fields["session"])) if "session" in fields else None


def answer_to(offer: str) -> str:
    """A well-formed answer: every medium of the offer accepted, by somebody at an address nobody reaches."""
    media = re.findall(r"^m=(\w+) \d+ (\S+) (.+?)\r?$", offer, re.MULTILINE)
    mids = re.findall(r"^a=mid:(\S+)", offer, re.MULTILINE)
    lines = ["v=0", "o=- 1 1 IN IP4 127.0.0.1", "s=-", "t=0 0", "a=ice-lite"]
    if mids:
        lines.append(f"a=group:BUNDLE {' '.join(mids)}")
    for index, (kind, transport, formats) in enumerate(media):
        lines += [f"m={kind} 9 {transport} {formats.split()[0]}", "c=IN IP4 127.0.0.1"]
        lines += [f"a=mid:{mids[index]}"] if index < len(mids) else []
        lines += ["a=ice-ufrag:standin", "a=ice-pwd:thestandincarriesnomedia", "a=setup:passive"]
        lines.append(f"a=fingerprint:sha-256 {_FINGERPRINT}")
        if kind == "audio":
            lines += ["a=rtcp-mux", "a=sendrecv", f"a=rtpmap:{formats.split()[0]} opus/48000/2"]
        elif kind == "application":
            lines.append("a=sctp-port:5000")
    return "\r\n".join([*lines, ""])


def _parts(message: Message) -> list[Message]:
    return cast("list[Message]", message.get_payload()) if message.is_multipart() else []


def _text(part: Message) -> str:
    return cast(bytes, part.get_payload(decode=True) or b"").decode(errors="replace")


def _checked(offer: str) -> str:
    if not offer.startswith("v=0") or not re.search(r"^m=audio ", offer, re.MULTILINE):
        raise Rejected("invalid_offer", "The SDP offer could not be parsed, or offers no audio.", "sdp")
    return offer


def _session(text: str) -> dict[str, Any]:
    try:
        found: Any = json.loads(text)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise Rejected("invalid_value", "The session is not a JSON object.", "session")
    return cast("dict[str, Any]", found)
