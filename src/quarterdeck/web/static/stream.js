/**
 * One session's events, from a cursor on, for as long as somebody looks.
 *
 * Durable events come once and in order, over any number of broken connections: the cursor moves with each, and a
 * new connection begins behind it. Pieces of growing answers (`delta`) have no cursor; losing them is harmless.
 */

import { backoff, open, pause } from "./api.js";

const SILENCE = 40_000; // ms; the gateway says something every 15 s

export class Stream {
  #stop = new AbortController();

  /** `on.event(kind, event)`, `on.delta(piece)`, `on.state("open" | "broken" | "gone", error)`. */
  constructor(session, cursor, on) {
    this.session = session;
    this.cursor = cursor;
    this.on = on;
  }

  /** Follow until closed. Gives a promise that is kept when the stream is open for the first time. */
  run() {
    return new Promise((resolve) => this.#follow(resolve));
  }

  async #follow(first) {
    let failures = 0;
    while (!this.closed) {
      try {
        await this.#read(() => {
          failures = 0;
          first();
          this.on.state("open");
        });
      } catch (error) {
        if (this.closed) return;
        if (error.status && !error.passing) return this.on.state("gone", error);
        if (failures++) this.on.state("broken", error); // one break is ordinary, such as a restart
      }
      await pause(backoff(failures), this.#stop.signal);
    }
  }

  close() {
    this.#stop.abort();
  }

  get closed() {
    return this.#stop.signal.aborted;
  }

  async #read(opened) {
    const silence = new AbortController();
    const signal = AbortSignal.any([this.#stop.signal, silence.signal]);
    let timer = setTimeout(() => silence.abort(), SILENCE);
    try {
      const response = await open(`/sessions/${this.session}/events?cursor=${this.cursor}`, signal);
      opened();
      for await (const frame of frames(response.body)) {
        clearTimeout(timer);
        timer = setTimeout(() => silence.abort(), SILENCE);
        if (!this.closed) this.#take(frame);
      }
    } finally {
      clearTimeout(timer);
    }
  }

  #take({ event, data, id }) {
    if (!data || event === "bye") return;
    const value = JSON.parse(data);
    if (event === "delta") return this.on.delta(value);
    if (!id || Number(id) <= this.cursor) return; // already seen
    this.cursor = Number(id);
    this.on.event(event, value);
  }
}

/** The frames of a stream of server-sent events, comments too (as empty ones: they are a sign of life). */
async function* frames(body) {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let text = "";
  try {
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      text += decoder.decode(value, { stream: true });
      for (let end; (end = text.indexOf("\n\n")) >= 0; text = text.slice(end + 2)) yield parse(text.slice(0, end));
    }
  } finally {
    reader.cancel().catch(() => {}); // it has broken by itself
  }
}

function parse(text) {
  const frame = { event: "message", data: "", id: "" };
  for (const line of text.split("\n")) {
    const at = line.indexOf(":");
    if (at < 1) continue;
    const name = line.slice(0, at);
    const value = line.slice(at + 1).replace(/^ /, "");
    if (name === "data") frame.data += (frame.data && "\n") + value;
    else if (name in frame) frame[name] = value;
  }
  return frame;
}
