"""Long realtime voice conversations, short bills.

The words we use, here and everywhere in the code:

- The *service* is the far end (OpenAI, Azure, anything that speaks the Realtime protocol), the *app* the near one.
- *Item*, *response*, *usage* and *event* mean what the service means by them; event classes bear the wire's name.
- The *conversation* is what the service holds right now, as inferred from both directions.
- An *exchange* is what the human says until a reply is heard, plus that reply. A *ghost turn*, where voice
  detection cut the speaker off and nothing was heard in answer, does not end one.
- *Heard* is how much of a reply left the speaker: never sent, never received, never time on the clock.
- *Memory* is the policy: what the service shall remember. An *edit* is one change to the conversation. What is
  *pinned* is never forgotten.
- *Usage* is counts, *rates* the price list, a *charge* one priced line, a *cost* a sum of charges; the *meter*
  keeps them.

The engine is the files beside this one. They never touch the world: time is an argument, what must happen is
returned. The folders do the touching: `client` dials, `voice` hears and speaks, `terminal` shows, `cli` is the
command line, and `simulator` stands in for a service, so that all of it can be tried without a key or a bill.
Start reading at session.py, the front door.

Every name is fetched from its file when it is first asked for. So the engine alone loads nothing that touches the
world, and a command at a prompt loads what it needs and no more.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from laconic.client.attach import attach
    from laconic.client.sideband import attach_call
    from laconic.conversation import Conversation
    from laconic.errors import BadInput, Dropped, LaconicError, NoDevice, NoKey, Refused, Unreachable
    from laconic.exchanges import Exchanges
    from laconic.gateway.local import local_gateway
    from laconic.items import Item, Part
    from laconic.memory import Everything, LastExchanges, LastItems, Memory
    from laconic.meter import Charge, Cost, Meter
    from laconic.rates import Rates, RateTable
    from laconic.session import Action, Notice, Session, Summarise, ToApp, ToService
    from laconic.usage import TranscriptionUsage, Usage

__version__ = "0.1.0"

__all__ = [
    "Action",
    "BadInput",
    "Charge",
    "Conversation",
    "Cost",
    "Dropped",
    "Everything",
    "Exchanges",
    "Item",
    "LaconicError",
    "LastExchanges",
    "LastItems",
    "Memory",
    "Meter",
    "NoDevice",
    "NoKey",
    "Notice",
    "Part",
    "RateTable",
    "Rates",
    "Refused",
    "Session",
    "Summarise",
    "ToApp",
    "ToService",
    "TranscriptionUsage",
    "Unreachable",
    "Usage",
    "__version__",
    "attach",
    "attach_call",
    "local_gateway",
]

_FILES = {
    "client.attach": ("attach",),
    "client.sideband": ("attach_call",),
    "conversation": ("Conversation",),
    "errors": ("BadInput", "Dropped", "LaconicError", "NoDevice", "NoKey", "Refused", "Unreachable"),
    "exchanges": ("Exchanges",),
    "gateway.local": ("local_gateway",),
    "items": ("Item", "Part"),
    "memory": ("Everything", "LastExchanges", "LastItems", "Memory"),
    "meter": ("Charge", "Cost", "Meter"),
    "rates": ("RateTable", "Rates"),
    "session": ("Action", "Notice", "Session", "Summarise", "ToApp", "ToService"),
    "usage": ("TranscriptionUsage", "Usage"),
}
_FETCHED = {name: f"laconic.{file}" for file, names in _FILES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in _FETCHED:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_FETCHED[name]), name)
