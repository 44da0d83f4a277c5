"""A service's half of a conversation, message by message, as the view tests need it."""

from __future__ import annotations

import json
from base64 import b64encode
from itertools import count
from typing import Any

from laconic.session import Notice, Session, ToApp, ToService
from laconic.terminal.page import Page
from laconic.voice.playout import Played
from laconic.voice.talk import View

Wire = dict[str, Any]


class Told:
    """A session fed by hand, whose page (or the view around it) hears of everything as the talk loop would tell."""

    def __init__(self, memory: str = "everything", transcription: bool = True, lang: Any = "en") -> None:
        from laconic.terminal.words import Words

        numbers = count(1)
        self.session = Session(ids=lambda: f"ours_{next(numbers)}", memory=memory)
        self.page = Page(self.session.conversation, Words(lang))
        self.view: View | None = None
        self.sent: list[Wire] = []
        self.now = 0.0
        settings: Wire = {"type": "realtime", "audio": {"input": {"turn_detection": {"type": "server_vad"}}}}
        if transcription:
            settings["audio"]["input"]["transcription"] = {"model": "whisper-1"}
        self.says("session.created", session=settings)

    def says(self, type: str, **fields: Any) -> None:
        self.session.from_service(json.dumps({"type": type, **fields}), self.now)
        self._carry_out()

    def _carry_out(self) -> None:
        for action in self.session.actions():
            if isinstance(action, ToService):
                self.sent.append(json.loads(action.raw))
            elif isinstance(action, ToApp):
                self.view.event(action.event, self.now) if self.view else self.page.event(action.event)
            elif isinstance(action, Notice):
                self.view.notice(action, self.now) if self.view else self.page.notice(action)

    def heard(self, item_id: str, ms: int, *, of: int | None = None, stopped: bool = False) -> None:
        played = Played(item_id, 0, ms, ms if of is None else of)
        if self.view:
            self.view.heard(played, self.now, stopped=stopped)
        else:
            self.page.heard(played, stopped=stopped)
        self.session.heard(item_id, ms, self.now, stopped=stopped)
        self._carry_out()

    def acknowledges(self) -> None:
        """The service does every edit that was sent, until no more come."""
        done = 0
        while done < len(self.sent):
            sent = self.sent[done]
            done += 1
            match sent["type"]:
                case "conversation.item.create":
                    self.says("conversation.item.added", item=sent["item"], previous_item_id=sent["previous_item_id"])
                    self.says("conversation.item.done", item=sent["item"], previous_item_id=sent["previous_item_id"])
                case "conversation.item.delete":
                    self.says("conversation.item.deleted", item_id=sent["item_id"])
                case _:
                    pass
        self.sent.clear()

    def last_item(self) -> str:
        """The id of the conversation's last item."""
        return [item.id for item in self.session.conversation][-1]

    # --- whole stretches -------------------------------------------------------------------------------------

    def user_spoke(self, item_id: str, after: str | None) -> None:
        """A turn ends and its item enters; its words are still to come."""
        self.says("input_audio_buffer.speech_started", audio_start_ms=0, item_id=item_id)
        self.says("input_audio_buffer.speech_stopped", audio_end_ms=1500, item_id=item_id)
        self.says("input_audio_buffer.committed", item_id=item_id, previous_item_id=after)
        item = {
            "id": item_id,
            "type": "message",
            "role": "user",
            "status": "completed",
            "content": [{"type": "input_audio", "transcript": None}],
        }
        self.says("conversation.item.added", item=item, previous_item_id=after)
        self.says("conversation.item.done", item=item, previous_item_id=after)

    def user_words(self, item_id: str, words: str) -> None:
        name = "conversation.item.input_audio_transcription.completed"
        self.says(name, item_id=item_id, content_index=0, transcript=words)

    def reply_began(self, item_id: str, after: str, response_id: str = "r") -> None:
        self.says("response.created", response={"id": response_id, "conversation_id": "c", "status": "in_progress"})
        item = {"id": item_id, "type": "message", "role": "assistant", "status": "in_progress", "content": []}
        self.says("response.output_item.added", response_id=response_id, item=item)
        self.says("conversation.item.added", item=item, previous_item_id=after)

    def reply_words(self, item_id: str, words: str, response_id: str = "r") -> None:
        name = "response.output_audio_transcript.delta"
        self.says(name, response_id=response_id, item_id=item_id, content_index=0, delta=words)

    def reply_sound(self, item_id: str, ms: int, response_id: str = "r") -> None:
        delta = b64encode(bytes(ms * 48)).decode()
        name = "response.output_audio.delta"
        self.says(name, response_id=response_id, item_id=item_id, content_index=0, delta=delta)

    def reply_done(
        self, item_id: str, words: str, response_id: str = "r", status: str = "completed", **more: Any
    ) -> None:
        item = {
            "id": item_id,
            "type": "message",
            "role": "assistant",
            "status": "completed" if status == "completed" else "incomplete",
            "content": [{"type": "output_audio", "transcript": words}],
        }
        self.says("conversation.item.done", item=item, previous_item_id=None)
        self.says("response.output_item.done", response_id=response_id, item=item)
        response = {"id": response_id, "conversation_id": "c", "status": status, "output": [item], "usage": None}
        self.says("response.done", response=response | more)

    def exchange(self, number: int, after: str | None) -> str:
        """A whole exchange of short words, heard out; the reply's id."""
        user, reply = f"u{number}", f"a{number}"
        self.user_spoke(user, after)
        self.user_words(user, f"question {number}")
        self.reply_began(reply, user, f"r{number}")
        self.reply_words(reply, f"answer {number}", f"r{number}")
        self.reply_sound(reply, 100, f"r{number}")
        self.reply_done(reply, f"answer {number}", f"r{number}")
        self.heard(reply, 100)
        return reply
