"""The counting half of a session: what was read and made, what that cost, and what it would have cost otherwise.

It follows the mirror: what either side says is told here once `conversation` knows of it. Four accounts are kept. The
meter holds what was reported, and its price. The expectation reckons beforehand what a response will read, and learns
the service's laws from what is reported. The alternatives tell the same talk under other memories. The averages are
those of its exchanges, by which a memory looks ahead.

Which price list and which laws hold is found out here too, for at first there may be no more than a deployment's name.
Nothing is decided here: who limits and who forgets ask `meter` and `expectation.laws`.
"""

from __future__ import annotations

from collections.abc import Sequence

from laconic import events as ev
from laconic.actions import Charged, Summarise, Transcribed
from laconic.alternatives import Alternatives
from laconic.averages import Averages
from laconic.conversation import Conversation
from laconic.expectation import Expectation, Foreseen
from laconic.items import Item
from laconic.laws import Laws, prior
from laconic.meter import Meter, is_message
from laconic.rates import Rates, RateTable
from laconic.summary_prompt import summary_instructions
from laconic.tokens import Tokens, text_tokens
from laconic.usage import TranscriptionUsage, Usage
from laconic.worst_case import Spend, input_price, output_price

__all__ = ["Counting"]


class Counting:
    """One session's. `model`, `service`, `laws` and `summary_model` mean what they mean to `Session`."""

    def __init__(
        self,
        conversation: Conversation,
        rates: RateTable,
        *,
        model: str | None = None,
        service: str = "openai",
        laws: Laws | None = None,
        summary_model: str | None = None,
    ) -> None:
        self._conversation, self._rates = conversation, rates
        self._model, self._service, self._laws = model, service, laws
        known = laws or prior(service, model or "")
        self.meter = Meter(self._find(model))
        self.expectation = Expectation(known)
        """Its `laws` are those in force."""
        self.alternatives = Alternatives(known, self.meter.rates, summary_rates=self._find(summary_model))
        self.averages = Averages()
        self._foreseen: Foreseen | None = None  # of the response that is just done
        self._began: float | None = None

    def _find(self, model: str | None) -> Rates | None:
        return self._rates.find(model) if model else None

    # --- time ------------------------------------------------------------------------------------------------

    def begin(self, now: float) -> None:
        """The service said something: the session has begun, if it had not."""
        self._began = now if self._began is None else self._began

    def elapsed(self, now: float) -> None:
        """Time has come to `now`, which some services bill."""
        if self._began is not None:
            ms = int((now - self._began) * 1000)
            self.meter.elapsed(ms)
            self.alternatives.elapsed(ms)

    # --- what is said ----------------------------------------------------------------------------------------

    def said(self, event: ev.Event) -> None:
        """The app's words, or ours, go to the service."""
        self.expectation.said(event)
        if isinstance(event, ev.ConversationItemCreate) and is_message(event.item):
            self.meter.message()

    def entered(self, item_id: str) -> None:
        """An item entered that we did not write. What a response makes is told when it is over."""
        item = self._conversation.get(item_id)
        if item is not None and not item.in_progress:
            self.alternatives.said(item)
            self.averages.said(item)

    def read(self, event: ev.Event) -> None:
        """The service said this. Of what is charged `responded` and `transcribed` are told besides."""
        self._foreseen = self.expectation.read(event, self._conversation)
        if self._foreseen is not None:
            self.alternatives.laws = self.expectation.laws
        match event:
            case ev.SessionCreated() | ev.SessionUpdated():
                self._name()
                self._configure()
            case ev.ConversationItemTruncated(item_id=item_id, audio_end_ms=heard_ms):
                self.alternatives.cut(item_id, heard_ms)
            case _:
                pass

    def _name(self) -> None:
        """Once the service names its model, price by it, unless the user's own name for it has prices."""
        if self.meter.rates is None:
            self.meter.rates = self.alternatives.rates = self._find(self._conversation.model)
        if self._laws is None and self.expectation.responses == 0:
            # A deployment's name tells nothing; then the name the service gives itself may.
            names = (self._model, self._conversation.model)
            known = (prior(self._service, name) for name in names if name)
            stranger = prior("", "")
            laws = next((laws for laws in known if laws != stranger), stranger)
            self.expectation.laws = self.alternatives.laws = laws

    def _configure(self) -> None:
        settings = self._conversation.settings
        self.alternatives.configured(settings.get("instructions"), settings.get("tools") or ())
        self.averages.instructions = settings.get("instructions") or ""
        transcription = self._conversation.transcription_model
        if transcription is not None:
            self.meter.transcription_rates = self._find(transcription)

    # --- what is charged -------------------------------------------------------------------------------------

    def responded(self, event: ev.ResponseDone, items: Sequence[Item] | None, kind: str | None = None) -> Charged:
        """A response that was `read` is over, with these items; None: it was made beside the conversation.

        `kind`: what it is called on the bill, where somebody knows better than by looking at it.
        """
        response = event.response
        response_id, status = response.get("id") or "", response.get("status") or "completed"
        usage = Usage.from_wire(response.get("usage"), top_level=event.usage)
        ours = items is None and "laconic" in (response.get("metadata") or {})  # a summary made in the session itself
        kind = kind or ("summary" if ours else "out_of_band" if items is None else "reply")
        cost = self.meter.response(response_id, status, usage, kind=kind)
        if items is not None:
            self.alternatives.replied(response_id, items, usage)
            self.averages.replied(usage)
        elif not ours:
            self.alternatives.aside(cost)
        expected = self._foreseen.expected if self._foreseen is not None else None
        return Charged(response_id, status, usage, cost, kind, expected)

    def transcribed(self, event: ev.InputAudioTranscriptionCompleted) -> Transcribed | None:
        """A turn was written down; None while it is not yet: xAI repeats the event until the transcript is final."""
        if event.status == "in_progress":
            return None
        item = self._conversation.get(event.item_id)
        usage = TranscriptionUsage.from_wire(event.usage)
        cost = self.meter.transcription(event.item_id, usage, item.audio_ms if item else 0)
        self.alternatives.transcribed(event.item_id, event.transcript, cost)
        return Transcribed(event.item_id, usage, cost)

    def summarised(
        self,
        ask_id: int,
        summary: str | None,
        usage: Usage | None = None,
        model: str | None = None,
        *,
        unreported: bool = False,
    ) -> Charged | None:
        """Another model wrote a summary, or failed to; None where there is nothing to charge. `unreported`: it may have
        been at work, and nobody will say how much."""
        if usage is None and summary is None and not unreported:
            return None
        entry, status = f"summary {ask_id}", "failed" if summary is None else "completed"
        rates = self._find(model) or self.alternatives.summary_rates
        cost = self.meter.aside(entry, "summary", usage, rates, status)
        return Charged(entry, status, usage, cost, "summary")

    def missing(self, summary: Charged, asked: Summarise | None) -> Spend:
        """The most that a summary can have cost beside what is reported of it, and priced.

        `asked`: what it was asked for. A model without a price is taken for the dearest text model there is: a
        deployment's name tells no price.
        """
        if not summary.cost.unknown:
            return Spend()
        if summary.usage is not None:
            return Spend(self._at_most(summary.usage.input_tokens, summary.usage.output_tokens))
        if asked is None:
            return Spend()
        prompt = max(text_tokens(summary_instructions(lang, asked.max_tokens)) for lang in ("en", "ja"))
        read = text_tokens(asked.text) + prompt
        read += read // 8 + 64  # as wide as what a response reads (worst_case.py), since words are estimated
        return Spend(self._at_most(read, asked.max_tokens), read + asked.max_tokens)

    def _at_most(self, read: int, written: int) -> int:
        """Nano-dollars for so much text, at the prices of the model that writes summaries, or at the dearest."""
        own, laws = self.alternatives.summary_rates, self.expectation.laws
        in_dollars = [
            each for each in (own, *self._rates) if each is not None and each.priced and each.currency == "USD"
        ]
        rates = [own] if own in in_dollars else [each for each in in_dollars if each.kind == "text"]
        prices = (
            input_price(Tokens(read), each, laws) + written * output_price(each, laws, spoken=False) for each in rates
        )
        return max(prices, default=0)
