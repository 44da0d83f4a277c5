"""What can still be paid: the worst case of a response (worst_case.py) held against what is left (spending.py)."""

from __future__ import annotations

from math import ceil

from laconic.budget import Unit
from laconic.conversation import Conversation
from laconic.gate import NUMBER_AT_MOST, Gate
from laconic.items import Wire
from laconic.laws import Laws
from laconic.meter import Meter
from laconic.rates import Rates, RateTable
from laconic.spending import Account
from laconic.tokens import Tokens
from laconic.worst_case import Reading, Spend, input_price, longest_output, output_price, transcription_price

__all__ = ["SHORT", "Affording"]

SHORT = 200
"""Tokens of a reply worth making: seven seconds of sound."""
_WITHOUT_END = 10**9


class Affording:
    """One session's. `reading` says what a response would read, `rates` knows what transcription costs, `gate` which
    settings the app has asked for and may get before the next response."""

    def __init__(
        self,
        account: Account,
        reading: Reading,
        conversation: Conversation,
        meter: Meter,
        rates: RateTable,
        gate: Gate,
    ) -> None:
        self.account = account
        self.reading = reading
        self._conversation, self._meter, self._rates, self._gate = conversation, meter, rates, gate
        self._known: tuple[Rates | None, bool] = None, False
        self._hearing: dict[str, list[Rates]] = {}

    @property
    def in_dollars(self) -> bool:
        """Whether there is a limit in dollars."""
        return "nanodollars" in self.account.units

    @property
    def rates(self) -> Rates | None:
        """The model's, if they say what it costs in dollars."""
        rates = self._meter.rates
        if rates is not self._known[0]:
            self._known = rates, rates is not None and rates.priced and rates.currency == "USD"
        return rates if self._known[1] else None

    @property
    def unpriced(self) -> bool:
        """Whether there is a limit in dollars, and nothing to reckon them by."""
        return self.in_dollars and self.rates is None

    @property
    def untold(self) -> bool:
        """Whether that is so only as long as the service has not said which model it is."""
        return self.unpriced and not self._conversation.settings

    @property
    def worst(self) -> Spend:
        """What a response with the session's own settings costs at most, as far as its length is a number."""
        return self.spend(self.reads({}), min(self.longest(), NUMBER_AT_MOST), spoken=self.spoken({}))

    @property
    def least(self) -> Spend:
        """What the shortest reply worth making costs at most, with the session's own settings."""
        return self.spend(self.reads({}), min(self.longest(), SHORT), spoken=self.spoken({}))

    @property
    def _laws(self) -> Laws:
        return self.reading.laws

    def spoken(self, own: Wire) -> bool:
        """Whether a response with these settings of its own may answer with sound."""
        if own.get("output_modalities"):
            return own["output_modalities"] != ["text"]
        wished = (session["output_modalities"] for session in self._gate.pending if "output_modalities" in session)
        return any(asked != ["text"] for asked in (self._conversation.settings.get("output_modalities"), *wished))

    def reads(self, own: Wire, unheard_ms: int = 0) -> Tokens:
        """Tokens a response with these settings of its own would read at most (`Reading.most`)."""
        return self.reading.most(own, unheard_ms, self._gate.pending)

    def longest(self, *wishes: object) -> int:
        """Tokens a response writes at most: the first wish that says so, or the app's, else what the model can."""
        wish = next((wish for wish in wishes if wish is not None), self._gate.cap)
        return wish if isinstance(wish, int) else longest_output(self._meter.rates, self._laws)

    def spend(self, reads: Tokens, written: int, *, spoken: bool) -> Spend:
        """What reading and writing this costs at most."""
        money = 0
        if self.rates is not None:
            each = output_price(self.rates, self._laws, spoken=spoken)
            money = input_price(reads, self.rates, self._laws) + written * each
        return Spend(money, reads.text + reads.audio + reads.image + written)

    @property
    def ticking(self) -> bool:
        """Whether a limit in dollars is used up by the connection itself, whatever is said."""
        return self.in_dollars and self.lasting(1.0) != Spend()

    def lasting(self, seconds: float) -> Spend:
        """What being connected for so long costs by itself."""
        rates = self.rates
        return Spend(ceil(seconds * (rates.per_minute or 0) / 60) if rates is not None else 0)

    def hearing(self, ms: int) -> Spend:
        """The most that writing down so much of the user's sound can cost."""
        if ms <= 0:
            return Spend()
        audio = (session.get("audio") or {} for session in self._gate.pending)
        wished = ((side.get("input") or {}).get("transcription") or {} for side in audio)
        models = {self._conversation.transcription_model, *(wish.get("model") for wish in wished)} - {None}
        spends = [transcription_price(ms, self._transcribers(str(model))) for model in models]
        return max(spends, key=lambda spend: spend.nanodollars, default=Spend())

    def _transcribers(self, model: str) -> list[Rates]:
        """The rates a transcription may go by. A deployment's name tells no price: the dearest is not too little."""
        if model not in self._hearing:
            known = self._rates.find(model)
            in_dollars = known is not None and known.priced and known.currency == "USD"
            every = [each for each in self._rates if each.kind == "transcription"]
            self._hearing[model] = [known] if known is not None and in_dollars else every
        return self._hearing[model]

    def free(self, unit: Unit, kept: Spend) -> int:
        """What is left besides what is kept aside."""
        return self.account.left(unit) - kept.of(unit)

    def affords(self, spend: Spend, kept: Spend) -> bool:
        """Whether this can be paid for."""
        return all(self.free(unit, kept) >= spend.of(unit) for unit in self.account.units)

    def lacking(self, spend: Spend, kept: Spend) -> tuple[Unit, ...]:
        """The units there is not enough of for this."""
        return tuple(unit for unit in self.account.units if self.free(unit, kept) < max(1, spend.of(unit)))

    def hopes(self, spend: Spend, kept: Spend) -> bool:
        """Whether what is missing for this is held by others, who may give it back."""
        lacking = self.lacking(spend, kept)
        return bool(lacking) and not any(self.account.final(unit) for unit in lacking)

    def room(self, reads: Tokens, kept: Spend, unheard_ms: int = 0, *, spoken: bool) -> int:
        """How many tokens a response may write that reads so many; below zero if it cannot even read them."""
        read = self.spend(reads, 0, spoken=spoken)
        read += self.hearing(self._conversation.input.entering_ms + unheard_ms)
        room = _WITHOUT_END
        for unit in self.account.units:
            free = self.free(unit, kept)
            if unit == "nanodollars":
                free -= read.nanodollars
                each = self.rates and output_price(self.rates, self._laws, spoken=spoken)
                room = min(room, free // each if each else _WITHOUT_END if free >= 0 else -1)
            elif unit == "tokens":
                room = min(room, free - read.tokens)
            elif free <= 0:
                room = -1
        return room

    def covers(self, times: int, reads: Tokens, cap: int, kept: Spend, unheard_ms: int = 0) -> bool:
        """Whether so many responses that read this and write `cap` could be paid for."""
        worst = self.spend(reads, cap, spoken=self.spoken({}))
        worst += self.hearing(self._conversation.input.entering_ms + unheard_ms)
        return all(self.free(unit, kept) >= times * worst.of(unit) for unit in self.account.units if unit != "ms")
