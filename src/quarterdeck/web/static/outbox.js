/**
 * What was written and is not yet acknowledged. It is kept in this tab's storage until the gateway has committed it,
 * and sent again under the same key until then: a reload or a cut loses nothing, and nothing is taken twice.
 */

import { backoff, call, pause } from "./api.js";

const PLACE = "quarterdeck.outbox";
const TITLE = 60;

/** A draft is a conversation that exists only on this page so far. */
export const isDraft = (session) => session.startsWith("draft-");
export const newDraft = () => `draft-${crypto.randomUUID()}`;

export class Outbox {
  #sending = new Set();

  /**
   * `on.changed(entry)` after each step of one; `on.accepted(entry, receipt)` when it is committed;
   * `on.begun(draft, session)` when a draft has become a conversation.
   */
  constructor(on) {
    this.on = on;
    this.entries = load();
  }

  /** Take a message over. `after`: the newest event that was known when it was written. */
  add(session, { text, attachments, assistant, after }) {
    const entry = { key: crypto.randomUUID(), session, text, attachments, assistant, after, state: "sending", detail: "" };
    this.entries.push(entry);
    this.#save();
    this.flush(session);
    return entry;
  }

  of(session) {
    return this.entries.filter((entry) => entry.session === session);
  }

  /** Try a failed one again. */
  retry(entry) {
    this.#step(entry, "sending");
    this.flush(entry.session);
  }

  drop(entry) {
    this.entries = this.entries.filter((one) => one !== entry);
    this.#save();
  }

  /** After a reload: go on with everything. */
  flushAll() {
    for (const session of new Set(this.entries.map((entry) => entry.session))) this.flush(session);
  }

  /** Send a session's messages one after another, until none waits. */
  async flush(session) {
    if (this.#sending.has(session)) return;
    this.#sending.add(session);
    let failures = 0;
    try {
      for (let entry; (entry = this.of(session).find((one) => one.state !== "failed")); ) {
        try {
          if (isDraft(session)) session = await this.#begin(session, entry);
          const receipt = await this.#post(entry);
          failures = 0;
          this.drop(entry);
          this.on.accepted(entry, receipt);
        } catch (error) {
          if (error.passing) {
            this.#step(entry, "retrying", error.message);
            await pause(backoff(failures++));
          } else if (error.status) {
            this.#step(entry, "failed", `${error.message}. ${error.nextStep}`);
          } else {
            throw error; // a mistake of ours; the entry stays
          }
        }
      }
    } finally {
      this.#sending.delete(session);
    }
  }

  #post(entry) {
    return call("POST", `/sessions/${entry.session}/messages`, {
      json: {
        text: entry.text,
        attachments: entry.attachments.map(({ digest, name }) => ({ digest, name })),
      },
      headers: { "Idempotency-Key": entry.key },
    });
  }

  /** Make the conversation that a draft stands for. An attempt whose answer was lost leaves an empty one, not shown. */
  async #begin(draft, entry) {
    const title = entry.text.startsWith("/") ? "" : titleOf(entry); // a command is no title
    const session = await call("POST", "/sessions", { json: { assistant: entry.assistant, title } });
    for (const one of this.of(draft)) one.session = session.id;
    this.#save();
    this.#sending.delete(draft);
    this.#sending.add(session.id);
    await this.on.begun(draft, session); // its stream is open before anything happens in it
    return session.id;
  }

  #step(entry, state, detail = "") {
    Object.assign(entry, { state, detail });
    this.#save();
    this.on.changed(entry);
  }

  #save() {
    sessionStorage.setItem(PLACE, JSON.stringify(this.entries));
  }
}

function load() {
  try {
    return JSON.parse(sessionStorage.getItem(PLACE)) || [];
  } catch {
    return [];
  }
}

/** What a conversation that begins with this message is called. */
export function titleOf({ text, attachments }) {
  const line = text.trim().split("\n")[0] || attachments[0]?.name || "";
  return line.length > TITLE ? `${line.slice(0, TITLE - 1).trimEnd()}…` : line;
}
