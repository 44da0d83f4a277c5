// npm `@openai/agents-realtime`: a RealtimeSession over its own WebSocket transport, with a tool.
//
// Whenever the service hears speech, it truncates by the clock on the wall. Sound is made faster than life here, so this
// clock is made to run nearly as fast, and the caller waits until every reply but the one he cuts into has been played.
//
// Run as: node talk_agents_js.mjs BASE_URL FOLDER
import assert from "node:assert/strict";
import { setTimeout as pause } from "node:timers/promises";
import { OpenAIRealtimeWebSocket, RealtimeAgent, RealtimeSession, tool } from "@openai/agents-realtime";
import { begun, CUT_IN_PACE_MS, DETECTION, exchanges, Heard, speak, tell, weather } from "./caller.mjs";

const TIMES = 15; // the stand-in makes sound 20 times faster than life
const wall = Date.now;
const start = wall();
Date.now = () => start + (wall() - start) * TIMES;

const [baseUrl, folder] = process.argv.slice(2);
const talk = exchanges(folder);
const asked = [];
const getWeather = tool({
  name: "get_weather",
  description: "The weather in a city.",
  parameters: { type: "object", properties: { city: { type: "string" } }, required: ["city"], additionalProperties: true },
  strict: false,
  execute: async ({ city }) => {
    asked.push(city);
    return weather(talk, city);
  },
});
const agent = new RealtimeAgent({ name: "weather", instructions: "Be brief.", tools: [getWeather] });
const transport = new OpenAIRealtimeWebSocket({ url: `${baseUrl}/realtime?model=gpt-realtime` });
const input = { turnDetection: DETECTION, transcription: { model: "gpt-4o-transcribe" } };
const session = new RealtimeSession(agent, { transport, model: "gpt-realtime", config: { audio: { input } } });
const heard = new Heard();
const cuts = [];
let interruptions = 0;
session.on("transport_event", (event) => {
  if (event.type === "conversation.item.truncated") cuts.push(event.audio_end_ms);
  heard.put(event);
});
session.on("error", (error) => heard.put({ type: "error", error: String(error.error?.message ?? error.error) }));
session.on("audio_interrupted", () => (interruptions += 1));

function say(line, paceMs = 0) {
  if (line.typed) return session.sendMessage(line.say);
  const give = (pcm) => session.sendAudio(pcm.buffer.slice(pcm.byteOffset, pcm.byteOffset + pcm.byteLength));
  return speak(line, give, paceMs);
}

// The next response that is more than a call. `cutIn` is said when enough of it has come.
async function reply(line, cutIn) {
  let receivedMs = 0;
  let began, speaking;
  for (;;) {
    const event = await heard.next();
    if (event.type === "response.output_audio.delta") {
      began ??= wall();
      receivedMs += Buffer.from(event.delta, "base64").length / 48;
      if (cutIn && receivedMs >= line.cut_in_ms) speaking ??= say(cutIn, CUT_IN_PACE_MS);
    }
    if (event.type === "response.done" && event.response.output.at(-1).type === "message") {
      if (cutIn) await speaking;
      else await pause(began + receivedMs / TIMES + 20 - wall());
      return event.response;
    }
  }
}

await session.connect({ apiKey: "any" });
let said = false;
for (const [nth, line] of talk.entries()) {
  begun(line);
  if (!said) say(line);
  said = Boolean(line.cut_in_ms);
  const response = await reply(line, said ? talk[nth + 1] : undefined);
  assert.equal(response.status, said ? "cancelled" : "completed");
  if (!said) assert.equal(response.output.at(-1).content[0].transcript, line.reply);
}
await heard.settle();
const count = (type) => heard.seen.get(type) ?? 0;
// The library asks for an item again with each transcript and each truncation.
while (
  count("conversation.item.retrieved") <
  count("conversation.item.input_audio_transcription.completed") + count("conversation.item.truncated")
) {
  await heard.next();
}
const history = JSON.stringify(session.history);
session.close();
assert.deepEqual(asked, talk.filter((line) => line.tool).map((line) => line.tool.city));
assert.equal(cuts.length, 1, `truncated at ${cuts}`);
assert.ok(cuts[0] > 0 && interruptions > 0, `${cuts}, ${interruptions}`);
const words = talk.flatMap((line) => (line.cut_in_ms ? [line.say] : [line.say, line.reply]));
assert.deepEqual(words.filter((one) => !history.includes(one)), [], "not in the client's own history");
tell(heard.seen);
