"""Every sentence the talk screen and its summary say, in English and in Japanese, in one table.

A sentence is looked up by its key and filled with named values; both languages take the same names (a test
checks it). The errors carry their own Japanese beside the English (errors.py); this table has the rest.
"""

from __future__ import annotations

from typing import Literal

__all__ = ["TABLE", "Language", "Words", "minutes", "seconds"]

Language = Literal["en", "ja"]

TABLE: dict[str, tuple[str, str]] = {
    # who speaks
    "user": ("you", "あなた"),
    "assistant": ("reply", "返事"),
    "system": ("system", "指示"),
    "tool": ("tool", "ツール"),
    # lines
    "being_said": ("…", "…"),
    "no_transcript": ("({seconds} s spoken, no transcript)", "（{seconds}秒の発話、文字起こしなし）"),
    "no_transcript_no_length": ("(spoken, no transcript)", "（発話、文字起こしなし）"),
    "transcription_failed": (
        "(spoken; the transcription failed: {why})",
        "（発話、文字起こしに失敗: {why}）",
    ),
    "empty": ("(nothing)", "（なし）"),
    "cut_off": ("[cut off after {seconds} s]", "［{seconds}秒で中断］"),
    "cut_off_at": ("[cut off after {seconds} s, at “{words}”]", "［{seconds}秒「{words}」で中断］"),
    "never_heard": ("[cut off before it was heard]", "［聞こえる前に中断］"),
    "earlier": ("{who}, earlier", "{who}（先の発言）"),
    # notices
    "forgot": ("forgotten: {who}, “{words}” · {left} stay", "忘れました: {who}「{words}」・残り{left}件"),
    "forgot_sound": (
        "forgotten: {who}, {seconds} s of speech · {left} stay",
        "忘れました: {who}、音声{seconds}秒・残り{left}件",
    ),
    "forgot_empty": ("forgotten: {who}, empty · {left} stay", "忘れました: {who}（空）・残り{left}件"),
    "swept": ("a reply nobody heard was taken out · {left} stay", "聞こえなかった返事を取り除きました・残り{left}件"),
    "written": ("written down: {who}, “{words}”", "文字にしました: {who}「{words}」"),
    "written_sound": ("written down: {who}, {seconds} s of speech", "文字にしました: {who}、音声{seconds}秒"),
    "folded": ("folded {count} items into a summary", "{count}項目を要約にまとめました"),
    "folded_as": ("folded {count} items into a summary: “{words}”", "{count}項目を要約にまとめました:「{words}」"),
    "ghost_turn": (
        "you paused and went on before an answer: still the same exchange",
        "間を置いて返事の前に続けたため、同じ往復として数えます",
    ),
    "budget_warned": (
        "{spent} of the budget of {limit} are used; the talk will end when the rest is",
        "予算{limit}のうち{spent}を使いました。残りを使い切ると会話は終わります",
    ),
    "budget_ended": (
        "the budget of {limit} is used up: the talk is over",
        "予算{limit}を使い切りました。会話を終わります",
    ),
    "bill_left": ("{left} left", "残り{left}"),
    "edit_failed": ("the service would not {kind} an item: {why}", "サービスが項目の変更（{kind}）を断りました: {why}"),
    "unsupported": ("this service does not {what} items", "このサービスは項目の変更（{what}）に対応していません"),
    "trouble": ("the service reports: {message}", "サービスからの報告: {message}"),
    "calls": ("the model calls {name}", "モデルが{name}を呼び出しました"),
    # how it is now
    "connecting": ("connecting", "接続中"),
    "listening": ("listening", "聞いています"),
    "you_speak": ("you speak", "発言中"),
    "thinking": ("thinking", "考え中"),
    "speaking": ("speaking", "話しています"),
    "muted": ("microphone off", "マイクオフ"),
    "press": ("press space to speak", "スペースキーで発言"),
    "sending": ("speak; space again sends", "どうぞ。スペースで送信"),
    "over": ("over", "終了"),
    # keys
    "key_push": ("speak, send", "発言・送信"),
    "key_mute": ("microphone on/off", "マイクのオン・オフ"),
    "key_end": ("end", "終了"),
    "plain_push": (
        "Push to talk: press Enter to speak, press it again to send. Ctrl-C ends.",
        "プッシュ・トゥ・トーク: Enterで発言を始め、もう一度Enterで送信。Ctrl-Cで終了。",
    ),
    "plain_keys": ("Speak whenever you like. Ctrl-C ends.", "いつでもお話しください。Ctrl-Cで終了。"),
    # the bill while it runs
    "bill": ("{cost} · this reply {reply}", "{cost}・この返事 {reply}"),
    "bill_saved": ("saved {saved}", "節約 {saved}"),
    "bill_pace": ("{per_hour}/h", "1時間 {per_hour}"),
    "tokens": (
        "tokens in {tokens_in} (cached {cached}) out {tokens_out} · items {items} · exchanges {exchanges}",
        "トークン 入力{tokens_in}（キャッシュ{cached}）出力{tokens_out}・項目{items}・往復{exchanges}",
    ),
    "between": (" · ", "・"),
    "at_least": ("at least {cost}", "{cost}以上"),
    "unknown_cost": ("cost unknown", "料金不明"),
    "not_billed": ("would cost", "実際なら"),
    # devices
    "microphone": ("microphone", "マイク"),
    "speaker": ("speaker", "スピーカー"),
    "no_devices": (
        "no microphone and no speaker was found; --input and --output take WAV files too",
        "マイクもスピーカーも見つかりません。--input と --output には WAV ファイルも指定できます",
    ),
    # before it starts
    "no_key": (
        "No key is set: talking to the built-in stand-in; nothing is billed."
        " The bill shown is what {model} would have charged.",
        "キーが設定されていないため、内蔵の代役サービスと話します。課金はありません。表示する料金は{model}の場合の額です。",
    ),
    "stand_in": (
        "Talking to the built-in stand-in; nothing is billed. The bill shown is what {model} would have charged.",
        "内蔵の代役サービスと話します。課金はありません。表示する料金は{model}の場合の額です。",
    ),
    "talking_to": ("Talking to {service}, model {model}.", "{service}のモデル{model}と話します。"),
    "joined": (
        "Joined call {call} at {service}. What was said before stays as it is; Ctrl-C leaves, and the call goes on.",
        "{service}の通話{call}に参加しました。参加前の発言はそのままにします。Ctrl-Cで抜けても通話は続きます。",
    ),
    "call_over": ("The call is over.", "通話が終わりました。"),
    "caller": ("The caller is a recording: scenario “{name}”.", "話し手は録音です: シナリオ「{name}」。"),
    "input_file": ("The caller is a recording: {path}.", "話し手は録音です: {path}。"),
    "output_file": ("The replies' sound goes to {path}.", "返事の音声は{path}に保存します。"),
    "no_speaker": (
        "There is no speaker here: the replies' sound goes to {path}.",
        "スピーカーがないため、返事の音声は{path}に保存します。",
    ),
    # the summary
    "sum_talk": (
        "{duration} talked · exchanges {exchanges} · ghost turns {ghosts} · items held {items} · forgotten {forgotten}",
        "通話 {duration}・往復 {exchanges}・空振り {ghosts}・保持項目 {items}・忘れた項目 {forgotten}",
    ),
    "sum_forgotten": ("forgotten: {who}, “{words}”", "忘れた項目: {who}「{words}」"),
    "sum_more": ("… and {more} more", "…ほか{more}件"),
    "sum_kept": (
        "written down {written} · folded into a summary {folded}",
        "文字にした項目 {written}・要約にまとめた項目 {folded}",
    ),
    "sum_memory": ("memory {name}: {why}", "記憶 {name}: {why}"),
    "sum_tokens": (
        "replies {replies} · tokens in {tokens_in} (cached {cached}) out {tokens_out}",
        "返事 {replies}・トークン 入力{tokens_in}（キャッシュ{cached}）出力{tokens_out}",
    ),
    "sum_cost": ("cost: {cost}, made of", "料金: {cost}、内訳"),
    "sum_cost_pretend": (
        "cost: nothing was billed; {model} would have charged {cost}, made of",
        "料金: 課金なし。{model}なら{cost}、内訳",
    ),
    "sum_cost_bare": ("cost: {cost}", "料金: {cost}"),
    "sum_cost_bare_pretend": (
        "cost: nothing was billed; {model} would have charged {cost}",
        "料金: 課金なし。{model}なら{cost}",
    ),
    "sum_floor": (
        "the least it could have cost: {floor}; it cost {multiple} times that",
        "最低限の料金は{floor}、今回はその{multiple}倍",
    ),
    "sum_instead": ("the same talk would have cost", "同じ会話をほかの方法で続けた場合"),
    "sum_other": ("{cost}, {multiple} times", "{cost}（{multiple}倍）"),
    "nothing_done": ("everything kept", "すべて残す"),
    "last_items": ("the last {count} items kept", "最新{count}項目だけ残す"),
    "service_cuts": ("the service's own truncation", "サービス自身の切り詰め"),
    "sum_summaries": (
        "{count} summaries among it, {cost}",
        "うち要約{count}件、{cost}",
    ),
    "text_in": ("text in", "テキスト入力"),
    "text_cached": ("text in, cached", "テキスト入力（キャッシュ）"),
    "audio_in": ("audio in", "音声入力"),
    "audio_cached": ("audio in, cached", "音声入力（キャッシュ）"),
    "image_in": ("image in", "画像入力"),
    "image_cached": ("image in, cached", "画像入力（キャッシュ）"),
    "text_out": ("text out", "テキスト出力"),
    "audio_out": ("audio out", "音声出力"),
    "transcription": ("transcription", "文字起こし"),
    "time": ("time", "時間"),
    "messages": ("messages", "メッセージ"),
    "unit_token": ("{count} tokens", "{count}トークン"),
    "unit_minute": ("{seconds} s", "{seconds}秒"),
    "unit_message": ("{count} messages", "{count}件"),
    "sum_no_price": (
        "no price is known for {model}: give yours with --rates FILE, or see `laconic rates`",
        "{model}の価格は不明です。--rates FILEで指定するか、laconic ratesで確認してください",
    ),
    "sum_unknown": (
        "unknown: {count} of the replies and transcriptions came without usage or price and are not in this sum",
        "不明: 使用量または価格のわからない返事・文字起こしが{count}件あり、上の合計に含まれていません",
    ),
    "sum_errors": ("errors the service reported: {count}", "サービスが報告したエラー: {count}件"),
    "sum_recording": ("recorded in {path}", "記録: {path}"),
    "sum_sound": ("the replies' sound is in {path}", "返事の音声: {path}"),
}
"""key → (English, Japanese). Values in braces are named the same in both."""


class Words:
    """The table in one language: `words("forgot", who=…, words=…, left=…)`."""

    def __init__(self, lang: Language = "en") -> None:
        self.lang: Language = lang

    def __call__(self, key: str, **values: object) -> str:
        return TABLE[key][self.lang == "ja"].format_map(values)


def seconds(ms: int) -> str:
    """Milliseconds as seconds with one decimal, rounded down: what is claimed to be heard was heard."""
    return f"{ms // 1000}.{ms % 1000 // 100}"


def minutes(duration_s: float) -> str:
    """A duration as minutes:seconds."""
    whole = int(duration_s)
    return f"{whole // 60}:{whole % 60:02d}"
