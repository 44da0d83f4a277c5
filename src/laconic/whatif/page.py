"""One self-contained page: for each case the bill of every memory, and how it came about, as plots.

Nothing is fetched: styles, drawings and the few lines of script are in the file. Without the script every case is
shown one below the other, and nothing is lost but the choosing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from importlib import resources
from statistics import fmean

from laconic.currencies import Currency
from laconic.meter import Charge, Cost
from laconic.rates import Rates
from laconic.whatif.compare import Outcome, Point, Story, minute_cost
from laconic.whatif.plots import Line, line_plot

__all__ = ["page"]

_COLOURS = 9
_KINDS = ("everything", "last", "service", "window", "written", "summary", "exchanges")
_SMOOTHED = 10
"""Replies the cached share is averaged over: a fold or a cut would otherwise be a needle."""

_SAID = {
    "title": ("What if: one conversation, other memories", "もし記憶が違ったら：同じ会話の料金"),
    "talk": (
        "{minutes:.0f} minutes, {exchanges} exchanges, {cuts} replies cut short, {ghosts} ghost turns.",
        "{minutes:.0f}分、やりとり{exchanges}回、途中で遮られた返事{cuts}回、空振りの応答{ghosts}回。",
    ),
    "method": (
        "Every memory is reckoned from the same laws (how the service counts, caches and forgets) and the same turns. "
        "Cache hits are expected values: of what the cache promises, the hit rate is priced as read from it. "
        "The floor is what this talk costs without any history: new speech, replies, their transcription. "
        "Transcription and summaries are in every sum.",
        "どの記憶も、同じ法則（数え方、キャッシュ、忘れ方）と同じ発話から計算しています。キャッシュは期待値です。"
        "「下限」は履歴なしの料金（新しい発話、返事、文字起こし）です。文字起こしと要約の料金も含みます。",
    ),
    "memory": ("memory", "記憶"),
    "cost": ("cost", "料金"),
    "multiple": ("× floor", "下限の倍数"),
    "words": ("word for word", "そのまま"),
    "gist": ("as gist", "要旨"),
    "facts": ("facts kept", "残る事実"),
    "floor": ("floor", "下限"),
    "hits": ("cache hits {rate:.0%}", "キャッシュ {rate:.0%}"),
    "audio": ("old reply audio {audio}", "古い返事の音声 {audio}"),
    "kept": ("kept", "保持"),
    "dropped": ("dropped", "破棄"),
    "plot_cost": ("Cost so far", "ここまでの料金"),
    "plot_context": ("Tokens read for each reply", "返事ごとに読まれるトークン"),
    "plot_cached": ("Share read from cache", "キャッシュから読む割合"),
    "plot_kept": ("What is still remembered", "まだ覚えていること"),
    "note_cost": ("dashed: the floor, and services billed by the minute", "点線：下限、および分単位の料金"),
    "note_context": ("the size of the context", "文脈の大きさ"),
    "note_cached": ("expected, averaged over ten replies", "期待値、返事10回の平均"),
    "note_kept": (
        "solid: word for word; dashed: with the gist",
        "実線：そのまま、点線：要旨を含む",
    ),
    "minutes": ("minutes", "分"),
    "case": ("case", "条件"),
    "by_minute": ("by the minute", "分単位"),
}


@dataclass(frozen=True, slots=True)
class _Words:
    ja: bool
    currency: Currency

    def __call__(self, key: str, **values: object) -> str:
        return escape(_SAID[key][self.ja].format_map(values))

    def money(self, nano: int, like: Cost) -> str:
        """A sum in the currency of another, as the reader wants it."""
        return self.currency.show(Cost((Charge("", 1, "", nano, nano),), currency=like.currency))


def page(stories: Sequence[Story], services: Sequence[Rates], currency: Currency, *, lang: str = "en") -> str:
    """The whole page. `stories` are of one conversation or several; each is a case to choose."""
    words = _Words(lang == "ja", currency)
    head = (
        f'<!doctype html><html lang="{lang}"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>laconic · {words('title')}</title><style>{_asset('page.css')}</style></head><body><main>"
    )
    choice = "".join(
        f'<option value="case{number}">{_case(story, words)}</option>' for number, story in enumerate(stories)
    )
    chooser = f'<label class="choose">{words("case")} <select>{choice}</select></label>' if len(stories) > 1 else ""
    body = "".join(_section(number, story, services, words) for number, story in enumerate(stories))
    return (
        f"{head}<header><h1>{words('title')}</h1><p>{words('method')}</p>{chooser}</header>{body}"
        f"</main><script>{_asset('page.js')}</script></body></html>\n"
    )


def _asset(name: str) -> str:
    return resources.files("laconic.whatif").joinpath(name).read_text(encoding="utf-8")


def _case(story: Story, words: _Words) -> str:
    audio = words("audio", audio=words(story.case.reply_audio))
    hits = words("hits", rate=story.case.laws.hit_rate)
    return f"{escape(story.talk.name)} · {escape(story.case.model)} · {audio} · {hits}"


def _section(number: int, story: Story, services: Sequence[Rates], words: _Words) -> str:
    talk = story.talk
    told = words("talk", minutes=talk.length_ms / 60_000, exchanges=talk.exchanges, cuts=talk.cuts, ghosts=talk.ghosts)
    plots = (
        ("cost", _cost_plot(story, services, words)),
        ("context", _context_plot(story, words)),
        ("cached", _cached_plot(story, words)),
        ("kept", _kept_plot(story, words)),
    )
    figures = "".join(
        f"<figure><figcaption><b>{words('plot_' + key)}</b> <span>{words('note_' + key)}</span></figcaption>"
        f"{drawn}</figure>"
        for key, drawn in plots
    )
    return (
        f'<section id="case{number}"><h2>{_case(story, words)}</h2><p>{told}</p>'
        f'{_table(story, services, words)}<div class="plots">{figures}</div></section>'
    )


def _table(story: Story, services: Sequence[Rates], words: _Words) -> str:
    columns = ["memory", "cost", "multiple", "words", "gist"] + (["facts"] if story.said.facts else [])
    head = "".join(f"<th>{words(name)}</th>" for name in columns)
    cheapest = min((outcome.cost.nanodollars for outcome in story.outcomes), default=0)
    dearest = max((outcome.cost.nanodollars for outcome in story.outcomes), default=0) or 1
    colours = _colours(story)
    rows = [
        _row(outcome, colours[outcome.memory], story, words, outcome.cost.nanodollars == cheapest, dearest)
        for outcome in story.outcomes
    ]
    empty = "<td></td>" * (len(columns) - 3)
    for service in services:
        cost = minute_cost(service, story.talk)
        times = f"{cost.nanodollars / story.floor.nanodollars:.2f}×" if story.floor.nanodollars else "–"
        name = f"{escape(service.name)}, {words('by_minute')}"
        rows.append(
            f'<tr class="quiet"><th>{name}</th><td>{words.money(cost.nanodollars, cost)}</td>'
            f"<td>{times}</td>{empty}</tr>"
        )
    floor = words.money(story.floor.nanodollars, story.floor)
    rows.append(f'<tr class="quiet"><th>{words("floor")}</th><td>{floor}</td><td>1.00×</td>{empty}</tr>')
    return f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>"


def _row(outcome: Outcome, colour: str, story: Story, words: _Words, best: bool, dearest: int) -> str:
    kept, said = outcome.remembered, story.said
    multiple = f"{outcome.multiple:.2f}×" if outcome.multiple is not None else "–"
    share = 100 * outcome.cost.nanodollars / dearest
    cells = [
        f'<td><div class="cost"><i class="bar"><i class="{colour}" style="width:{share:.1f}%"></i></i>'
        f"<span>{words.money(outcome.cost.nanodollars, outcome.cost)}</span></div></td>",
        f"<td>{multiple}</td>",
        f"<td>{_share(kept.speech_ms, said.speech_ms)}</td>",
        f"<td>{_share(kept.gist_ms, said.speech_ms)}</td>",
    ]
    if said.facts:
        gist = f" + {kept.gist_facts}" if kept.gist_facts else ""
        cells.append(f"<td>{kept.facts}{gist} / {said.facts}</td>")
    chosen = f" ({' → '.join(outcome.chosen)})" if outcome.chosen else ""
    name = f'<th><i class="dot {colour}"></i>{escape(outcome.memory + chosen)}</th>'
    return f'<tr class="{"best" if best else ""}">{name}{"".join(cells)}</tr>'


def _cost_plot(story: Story, services: Sequence[Rates], words: _Words) -> str:
    def money(nano: float) -> str:
        return words.money(round(nano), story.floor)

    colours = _colours(story)
    lines = [
        Line(
            outcome.memory,
            colours[outcome.memory],
            ((0.0, 0.0), *((point.at_ms / 60_000, point.nano) for point in outcome.points)),
            f"{outcome.memory} {money(outcome.cost.nanodollars)}",
        )
        for outcome in story.outcomes
    ]
    end = story.talk.length_ms / 60_000
    priced: dict[int, list[str]] = {}
    for service in services:
        priced.setdefault(minute_cost(service, story.talk).nanodollars, []).append(service.name)
    for nano, names in priced.items():
        straight = ((0.0, 0.0), (end, float(nano)))
        lines.append(Line(", ".join(names), "quiet", straight, f"{', '.join(names)} {money(nano)}", dashed=True))
    floor = ((0.0, 0.0), (end, float(story.floor.nanodollars)))
    label = f"{_SAID['floor'][words.ja]} {money(story.floor.nanodollars)}"
    lines.append(Line(_SAID["floor"][words.ja], "quiet", floor, label, dashed=True))
    top = max((line.points[-1][1] for line in lines), default=1.0)
    return _drawn(lines, "plot_cost", top, money, story, words)


def _context_plot(story: Story, words: _Words) -> str:
    colours = _colours(story)
    lines = [_line(one, colours[one.memory], lambda point: point.context, _tokens) for one in story.outcomes]
    top = max((y for line in lines for _, y in line.points), default=1.0)
    return _drawn(lines, "plot_context", top, _tokens, story, words)


def _cached_plot(story: Story, words: _Words) -> str:
    lines, colours = list[Line](), _colours(story)
    for outcome in story.outcomes:
        shares = [point.cached for point in outcome.points]
        smooth = [fmean(shares[max(0, end - _SMOOTHED) : end]) for end in range(1, len(shares) + 1)]
        points = tuple((point.at_ms / 60_000, share) for point, share in zip(outcome.points, smooth, strict=True))
        label = f"{outcome.memory} {points[-1][1]:.0%}" if points else ""
        lines.append(Line(outcome.memory, colours[outcome.memory], points, label))
    return _drawn(lines, "plot_cached", 1.0, _percent, story, words)


def _kept_plot(story: Story, words: _Words) -> str:
    lines, colours = list[Line](), _colours(story)
    for outcome in story.outcomes:
        colour = colours[outcome.memory]
        lines.append(_line(outcome, colour, lambda point: point.words, _percent))
        if outcome.remembered.gist_ms:
            line = _line(outcome, colour, lambda point: point.words + point.gist, _percent)
            lines.append(Line(line.name, line.colour, line.points, f"{outcome.memory}, {_gist(words)}", dashed=True))
    return _drawn(lines, "plot_kept", 1.0, _percent, story, words)


def _gist(words: _Words) -> str:
    return _SAID["gist"][words.ja]


def _line(outcome: Outcome, colour: str, of: Callable[[Point], float], show: Callable[[float], str]) -> Line:
    points = tuple((point.at_ms / 60_000, float(of(point))) for point in outcome.points)
    value = show(points[-1][1]) if points else ""
    return Line(outcome.memory, colour, points, f"{outcome.memory} {value}")


def _drawn(
    lines: Sequence[Line], title: str, top: float, show: Callable[[float], str], story: Story, words: _Words
) -> str:
    return line_plot(
        lines,
        x_most=story.talk.length_ms / 60_000,
        title=_SAID[title][words.ja],
        x_label=_SAID["minutes"][words.ja],
        y_top=top,
        show_y=show,
        show_x=lambda minute: f"{minute:g}",
    )


def _colours(story: Story) -> dict[str, str]:
    """A colour for each memory: that of its kind, on every page the same, and a free one for a second of a kind."""
    free, found = [f"c{number}" for number in range(_COLOURS)], dict[str, str]()
    for name in (outcome.memory for outcome in story.outcomes):
        own = f"c{_KINDS.index(kind)}" if (kind := name.partition(":")[0]) in _KINDS else None
        if own in free:
            free.remove(own)
            found[name] = own
    for number, name in enumerate(outcome.memory for outcome in story.outcomes if outcome.memory not in found):
        found[name] = free[-1 - number] if number < len(free) else f"c{number % _COLOURS}"
    return found


def _tokens(count: float) -> str:
    return f"{round(count / 1000, 1):g}k" if count >= 1000 else f"{count:.0f}"


def _percent(share: float) -> str:
    return f"{share:.0%}"


def _share(part: int, whole: int) -> str:
    return _percent(part / whole) if whole else "–"
