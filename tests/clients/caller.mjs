// The caller's half of conversation.toml, for the scripts in JavaScript; what caller.py is for those in Python.
import { readFileSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";

const PIECE_BYTES = 100 * 48; // 100 ms of PCM16 at 24 kHz
const PATIENCE_MS = 20_000; // nothing here takes a second

// Between two pieces of what is spoken into a reply: what is sent at once is over before it is noticed.
export const CUT_IN_PACE_MS = 20;
export const DETECTION = {
  type: "server_vad",
  silence_duration_ms: 300,
  create_response: true,
  interrupt_response: true,
};

// The conversation as run.py wrote it into a folder.
export function exchanges(folder) {
  const talk = JSON.parse(readFileSync(`${folder}/conversation.json`, "utf8"));
  return talk.map((line) => ({ ...line, pcm: readFileSync(`${folder}/${line.clip}`) }));
}

// Leave a trace, for whoever has to find out where a conversation came to a halt.
export function begun(line) {
  console.error(`caller: ${line.say}`);
}

// What the function says of a city, as JSON.
export function weather(talk, city) {
  return JSON.stringify(talk.find((line) => line.tool?.city === city).tool);
}

// Give the sound of a line away piece by piece.
export async function speak(line, give, paceMs = 0) {
  for (let at = 0; at < line.pcm.length; at += PIECE_BYTES) {
    give(line.pcm.subarray(at, at + PIECE_BYTES));
    if (paceMs) await pause(paceMs);
  }
}

// The last line of a script that went well.
export function tell(events, more = {}) {
  console.log(JSON.stringify({ events: Object.fromEntries(events), ...more }));
}

// Events as they come, counted by type, to be taken one by one.
export class Heard {
  seen = new Map();
  #waiting = [];
  #wake = () => {};

  put(event) {
    this.seen.set(event.type, (this.seen.get(event.type) ?? 0) + 1);
    this.#waiting.push(event);
    this.#wake();
  }

  async next() {
    if (!this.#waiting.length) {
      const late = AbortSignal.timeout(PATIENCE_MS);
      await new Promise((resolve, reject) => {
        this.#wake = resolve;
        late.onabort = () => reject(new Error("nothing more came"));
      });
    }
    const event = this.#waiting.shift();
    if (event.type === "error") throw new Error(JSON.stringify(event));
    return event;
  }

  // Until everything has come that follows a response or a committed turn at its own time.
  async settle() {
    const count = (type) => this.seen.get(type) ?? 0;
    while (
      count("rate_limits.updated") !== count("response.done") ||
      count("conversation.item.input_audio_transcription.completed") !== count("input_audio_buffer.committed")
    ) {
      await this.next();
    }
  }

  // The first event of this type, and everything else passed by.
  async until(type) {
    for (;;) {
      const event = await this.next();
      if (event.type === type) return event;
    }
  }
}
