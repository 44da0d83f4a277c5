"""Usage × rates, as it accrues: what each response and each transcription cost, line by line.

Money is whole numbers of 10⁻⁹ of a currency. Token prices are whole numbers of those already, so token lines are
exact; a line of time is worked out as an exact fraction and rounded once, half up. What cannot be priced (usage
that was never reported, a model without a price) is counted as unknown and never as zero; an estimate, where the
caller has one, is kept apart from the total.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from laconic.items import Wire
from laconic.rates import Rates
from laconic.usage import TranscriptionUsage, Usage

__all__ = ["Charge", "Cost", "Meter", "Metered", "dollars", "is_message", "price"]


@dataclass(frozen=True, slots=True)
class Charge:
    """One priced line."""

    what: str
    """`text_in`, `text_cached`, `audio_in`, `audio_cached`, `image_in`, `image_cached`, `text_out`, `audio_out`,
    `transcription`, `time` or `messages`."""
    count: int
    """Tokens; milliseconds where `unit` is `minute`; messages."""
    unit: str
    """What `price` is the price of: `token`, `minute` or `message`."""
    price: int
    """10⁻⁹ of the currency for one `unit`."""
    nanodollars: int
    """The line's sum, in 10⁻⁹ of the currency."""


@dataclass(frozen=True, slots=True)
class Cost:
    """A sum of charges, and how many things it leaves out because nobody knows their price or size."""

    charges: tuple[Charge, ...] = ()
    unknown: int = 0
    currency: str = "USD"

    @property
    def nanodollars(self) -> int:
        return sum(charge.nanodollars for charge in self.charges)

    def __add__(self, other: Cost) -> Cost:
        """Both together, equal lines joined. They must be in one currency, which `Meter` sees to."""
        joined: dict[tuple[str, str, int], Charge] = {}
        for charge in (*self.charges, *other.charges):
            key = charge.what, charge.unit, charge.price
            count, nano = charge.count, charge.nanodollars
            if known := joined.get(key):
                count, nano = count + known.count, nano + known.nanodollars
            joined[key] = Charge(charge.what, count, charge.unit, charge.price, nano)
        return Cost(tuple(joined.values()), self.unknown + other.unknown, self.currency)

    def __str__(self) -> str:
        return dollars(self.nanodollars, self.currency) + (f" and {self.unknown} unknown" if self.unknown else "")


@dataclass(frozen=True, slots=True)
class Metered:
    """One response, or one transcription, as it stands on the bill."""

    id: str
    """The response's id, or the item's for a transcription."""
    status: str
    """`completed`, `cancelled`, `failed`, `incomplete`; a cancelled one is charged for what was reported."""
    kind: str
    """`reply`, `out_of_band`, or another name the caller gives; `transcription`."""
    usage: Usage | TranscriptionUsage | None
    cost: Cost
    estimated: Cost = Cost()
    """What it may have cost, where the usage is unknown and an estimate was given. Not part of `cost`."""


class Meter:
    """The running bill of one session.

    `rates` and `transcription_rates` may be set later, when the session says which models it uses; what came before
    stays as it was counted. Without rates (an unknown model) tokens are kept and every response counts as unknown.
    Transcription in another currency than the model's cannot be added to the bill and counts as unknown too.
    """

    def __init__(self, rates: Rates | None, transcription_rates: Rates | None = None) -> None:
        self.rates = rates
        self.transcription_rates = transcription_rates
        self._responses: dict[str, Metered] = {}
        self._transcriptions: dict[str, Metered] = {}
        self._messages = 0
        self._session_ms = 0
        self._settled = Cost()  # the sum of all entries so far: a screen asks often

    @property
    def currency(self) -> str:
        """`USD` or `CNY`: the model's, or while that is unknown the transcription model's."""
        rates = self.rates or self.transcription_rates
        return rates.currency if rates else "USD"

    @property
    def responses(self) -> tuple[Metered, ...]:
        """Every response in order of its first report."""
        return tuple(self._responses.values())

    @property
    def transcriptions(self) -> tuple[Metered, ...]:
        return tuple(self._transcriptions.values())

    @property
    def usage(self) -> Usage:
        """All tokens reported for responses, priced or not."""
        return sum((entry.usage for entry in self.responses if isinstance(entry.usage, Usage)), Usage())

    @property
    def total(self) -> Cost:
        """Everything so far, without estimates."""
        return self._sum([self._settled, self.session_cost])

    @property
    def nanodollars(self) -> int:
        """The sum of `total`, in 10⁻⁹ of the currency: cheaper to ask for than its lines."""
        return self._settled.nanodollars + self.session_cost.nanodollars

    @property
    def estimated(self) -> Cost:
        """What the unknown things may have cost, as far as anybody estimated them."""
        return self._sum(entry.estimated for entry in (*self.responses, *self.transcriptions))

    def response(
        self,
        response_id: str,
        status: str,
        usage: Usage | None,
        *,
        kind: str = "reply",
        estimate: Usage | None = None,
    ) -> Cost:
        """A response is over: charge what was reported and return its cost.

        The same id again changes nothing, unless its usage was unknown and now is not. `estimate` is used while
        `usage` is None.
        """
        known = self._responses.get(response_id)
        if known is not None and (known.usage is not None or usage is None):
            return known.cost
        if usage is not None:
            cost, estimated = price(usage, self.rates), Cost(currency=self.currency)
        else:
            cost = Cost(unknown=1, currency=self.currency)
            estimated = price(estimate, self.rates) if estimate is not None else Cost(currency=self.currency)
        self._settle(known, cost)
        self._responses[response_id] = Metered(response_id, status, kind, usage, cost, estimated)
        return cost

    def aside(
        self, entry_id: str, kind: str, usage: Usage | None, rates: Rates | None, status: str = "completed"
    ) -> Cost:
        """Something another model did for the conversation, a summary for instance: charge it at that model's rates.

        Without usage or rates it counts as unknown. The same id again changes nothing.
        """
        known = self._responses.get(entry_id)
        if known is not None:
            return known.cost
        priced = usage is not None and rates is not None and rates.currency == self.currency
        cost = price(usage, rates) if usage is not None and priced else Cost(unknown=1, currency=self.currency)
        self._settle(None, cost)
        self._responses[entry_id] = Metered(entry_id, status, kind, usage, cost, Cost(currency=self.currency))
        return cost

    def transcription(self, item_id: str, usage: TranscriptionUsage | None, audio_ms: int | None = None) -> Cost:
        """A user's turn was written down: charge it and return its cost.

        `audio_ms` is the turn's length, where known. Services that report no usage (Voice Live, xAI) leave it
        unknown, with an estimate by that length where minutes are billed. The same item again changes nothing,
        unless its usage was unknown and now is not: xAI completes a transcription several times.
        """
        known = self._transcriptions.get(item_id)
        if known is not None and (known.usage is not None or usage is None):
            return known.cost
        rates = self.transcription_rates
        if rates is not None and rates.currency != self.currency:
            rates = None
        charges = _transcription_charges(usage, rates, audio_ms)
        cost = Cost(unknown=1, currency=self.currency) if charges is None else Cost(charges, currency=self.currency)
        estimated = Cost(currency=self.currency)
        if usage is None and rates is not None and rates.per_minute is not None and audio_ms:
            estimated = Cost((_time("transcription", audio_ms, rates.per_minute),), currency=self.currency)
        entry = Metered(item_id, "completed", "transcription", usage, cost, estimated)
        self._settle(known, cost)
        self._transcriptions[item_id] = entry
        return cost

    def message(self, count: int = 1) -> None:
        """The client created `count` text items, which some services charge one by one (xAI)."""
        self._messages += count

    def elapsed(self, session_ms: int) -> None:
        """The session has lasted `session_ms` in all. Charged on services that bill time, as long as no
        response has said how much of it is billed."""
        self._session_ms = max(self._session_ms, session_ms)

    def _settle(self, known: Metered | None, cost: Cost) -> None:
        """Add a new cost to the sum, in place of the unknown one it may replace."""
        self._settled += cost
        if known is not None:
            self._settled = replace(self._settled, unknown=self._settled.unknown - known.cost.unknown)

    @property
    def session_ms(self) -> int:
        """How long the session has lasted, as far as anybody said."""
        return self._session_ms

    @property
    def messages(self) -> int:
        """How many text items the client created."""
        return self._messages

    @property
    def session_cost(self) -> Cost:
        """What is billed for the session as a whole, beside its responses and transcriptions."""
        charges: list[Charge] = []
        rates = self.rates
        if rates is not None and rates.per_message is not None and self._messages:
            sum_ = self._messages * rates.per_message
            charges.append(Charge("messages", self._messages, "message", rates.per_message, sum_))
        unknown = 0
        if rates is not None and rates.per_minute is not None and self.usage.billable_ms is None:
            if self._session_ms:
                charges.append(_time("time", self._session_ms, rates.per_minute))
            # Answered, and nobody has said how long it took.
            unknown = int(bool(self._responses) and not self._session_ms)
        return Cost(tuple(charges), unknown, self.currency)

    def _sum(self, costs: Iterable[Cost]) -> Cost:
        return sum(costs, Cost(currency=self.currency))


def price(usage: Usage, rates: Rates | None) -> Cost:
    """What `usage` costs at `rates`.

    Unknown without rates, and where a kind of token was used that has no price. A model without a price for cached
    tokens gives no discount on them. Where minutes are billed, tokens are not, and usage without billable time
    costs nothing by itself.
    """
    if rates is None or not rates.priced:
        return Cost(unknown=1, currency=rates.currency if rates else "USD")
    if rates.per_minute is not None:
        reported = usage.billable_ms
        lines = (_time("time", reported, rates.per_minute),) if reported else ()
        return Cost(lines, currency=rates.currency)
    text_out = rates.text_out
    if usage.audio_out and rates.text_out_with_audio is not None:
        text_out = rates.text_out_with_audio
    elif not usage.audio_in and not usage.image_in and rates.text_out_text_only is not None:
        text_out = rates.text_out_text_only
    cached_text, cached_audio, cached_image = (
        full if cached is None else cached
        for full, cached in (
            (rates.text_in, rates.text_cached),
            (rates.audio_in, rates.audio_cached),
            (rates.image_in, rates.image_cached),
        )
    )
    lines = (
        ("text_in", usage.text_in - usage.cached_text, rates.text_in),
        ("text_cached", usage.cached_text, cached_text),
        ("audio_in", usage.audio_in - usage.cached_audio, rates.audio_in),
        ("audio_cached", usage.cached_audio, cached_audio),
        ("image_in", usage.image_in - usage.cached_image, rates.image_in),
        ("image_cached", usage.cached_image, cached_image),
        ("text_out", usage.text_out, text_out),
        ("audio_out", usage.audio_out, rates.audio_out),
    )
    charges = tuple(_tokens(what, count, each) for what, count, each in lines if count and each is not None)
    unpriced = any(count and each is None for _, count, each in lines)
    return Cost(charges, int(unpriced), rates.currency)


def is_message(item: Wire) -> bool:
    """Whether a created item is one that xAI bills as a message: calls' outputs and sound are not."""
    parts = item.get("content") or ()
    return item.get("type", "message") == "message" and all(part.get("type") != "input_audio" for part in parts)


def dollars(nano: int, currency: str = "USD") -> str:
    """Money for a human, rounded half up: `$1.23`, below one `$0.0039`, and `<$0.0001` for less than that shows."""
    sign = {"USD": "$", "CNY": "¥"}.get(currency, f"{currency} ")
    if nano < 0:
        return "-" + dollars(-nano, currency)
    if nano == 0:
        return f"{sign}0.00"
    if nano < 100_000:
        return f"<{sign}0.0001"
    if (fine := (nano + 50_000) // 100_000) < 10_000:
        return f"{sign}0.{fine:04d}"
    cents = (nano + 5_000_000) // 10_000_000
    return f"{sign}{cents // 100:,}.{cents % 100:02d}"


def _transcription_charges(
    usage: TranscriptionUsage | None, rates: Rates | None, audio_ms: int | None
) -> tuple[Charge, ...] | None:
    """The lines of one transcription; None where they cannot be known."""
    if usage is None or rates is None:
        return None
    if rates.per_minute is not None:
        # A model billed by the minute may still report tokens; then the turn's own length is what we have.
        ms = usage.duration_ms if usage.duration_ms is not None else audio_ms
        return None if ms is None else (_time("transcription", ms, rates.per_minute),)
    lines = ((usage.text_in, rates.text_in), (usage.audio_in, rates.audio_in), (usage.text_out, rates.text_out))
    if usage.duration_ms is not None or any(count and each is None for count, each in lines):
        return None
    return tuple(_tokens("transcription", count, each) for count, each in lines if count and each is not None)


def _tokens(what: str, count: int, each: int) -> Charge:
    return Charge(what, count, "token", each, count * each)


def _time(what: str, ms: int, per_minute: int) -> Charge:
    return Charge(what, ms, "minute", per_minute, (2 * ms * per_minute + 60_000) // 120_000)
