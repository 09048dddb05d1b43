/**
 * A conversation as it is seen: a pure consequence of its events, in their order, and of what is not yet acknowledged.
 *
 * A message stands below `waiting` until a turn takes it, then above that turn's answer. Nothing is shown twice: a
 * message is known by its inbox id, a turn and a delivery by theirs, and each event comes once.
 */

import { call, serverNow } from "./api.js";
import { byId, h } from "./dom.js";
import { notice, Turn, Written } from "./messages.js";
import { isDraft } from "./outbox.js";
import { Stream } from "./stream.js";

const WINDOW = 300; // events that are shown at first; earlier ones on demand

export class Transcript {
  #log = byId("log");
  #waiting = byId("waiting");
  #stream = null;

  /**
   * `on.changed()` after each change; `on.news()` when something was committed; `on.answered(text)` for an answer that
   * came while the page was open; `on.state(...)` of the stream; `on.edit(message)` to write one again.
   */
  constructor(outbox, on) {
    this.outbox = outbox;
    this.on = on;
    this.session = "";
    this.first = 0;
    this.caughtUp = false;
    setInterval(() => this.#tick(), 1000);
  }

  /** Show a conversation; an empty id shows one that has not begun. Raises Problem or NoAnswer. */
  async show(session, before = WINDOW) {
    this.#reset(session);
    if (!session || isDraft(session)) return this.#caughtUp(null);
    const opened = this.#opening;
    const found = await call("GET", `/sessions/${session}`);
    if (opened !== this.#opening) return undefined; // something else was opened meanwhile
    this.first = Math.max(0, found.head - before);
    this.#head = found.head;
    this.#stream = new Stream(session, this.first, {
      event: (kind, event) => this.#event(kind, event, found),
      delta: (piece) => this.#delta(piece),
      state: (state, error) => this.on.state(state, error),
    });
    if (found.head === this.first) this.#caughtUp(found);
    this.streaming = this.#stream.run();
    return found;
  }

  /** Earlier events too: all is built anew, from further back. */
  earlier() {
    return this.show(this.session, this.#head - this.first + WINDOW);
  }

  /** A message that was just written, or that a reload found unacknowledged. */
  pend(entry) {
    const written = new Written({ text: entry.text, attachments: entry.attachments, at: new Date() });
    this.#pending.set(entry.key, written);
    this.#waiting.append(written.node);
    this.entryChanged(entry);
  }

  entryChanged(entry) {
    const written = this.#pending.get(entry.key);
    if (!written) return;
    const actions = [
      ["Try again", () => this.outbox.retry(entry)],
      ["Edit", () => this.#takeBack(entry, true)],
      ["Discard", () => this.#takeBack(entry, false)],
    ];
    if (entry.state === "failed") written.set("unsent", entry.detail, actions);
    else written.set(entry.state);
    this.on.changed();
  }

  /** It is committed: from here on its inbox id names it. The event may have come before. */
  accepted(entry, receipt) {
    const written = this.#pending.get(entry.key);
    if (!written) return;
    this.#pending.delete(entry.key);
    if (this.#written.has(receipt.inbox_id)) written.node.remove();
    else {
      this.#written.set(receipt.inbox_id, written);
      written.set(this.running ? "queued" : "sent");
    }
    this.on.changed();
  }

  /** The turn that runs now, if any. */
  get running() {
    return [...this.#turns.values()].find((turn) => !turn.ended);
  }

  get isEmpty() {
    return this.caughtUp && !this.#log.children.length && !this.#waiting.children.length;
  }

  /** The newest event that is known. */
  get cursor() {
    return this.#stream?.cursor ?? 0;
  }

  // --- state -----------------------------------------------------------------------------------------------------

  #written = new Map(); // inbox id -> Written
  #pending = new Map(); // key of the outbox -> Written
  #turns = new Map();
  #head = 0; // the newest event when this was opened
  #opening = 0;

  #reset(session) {
    this.#stream?.close();
    this.#stream = null;
    this.#opening++;
    this.session = session;
    this.caughtUp = false;
    this.first = 0;
    for (const map of [this.#written, this.#pending, this.#turns]) map.clear();
    this.#log.replaceChildren();
    this.#waiting.replaceChildren();
    for (const entry of this.outbox.of(session)) this.pend(entry);
    this.on.changed();
  }

  /** All that had happened is shown. A turn whose start lies further back is known from the session itself. */
  #caughtUp(found) {
    this.caughtUp = true;
    if (found?.running_turn) this.#turn(found.running_turn, new Date(serverNow()));
    if (this.#turns.size) this.#spent(`?session=${this.session}&limit=200`);
    this.on.changed();
  }

  /** What turns cost is a note that no answer waits for; at most the newest 200 turns have it. */
  async #spent(path) {
    const found = await call("GET", `/turns${path}`).catch(() => null);
    for (const one of found?.items ?? (found ? [found.turn] : [])) {
      if (one.state === "ended") this.#turns.get(one.id)?.spent(one.spent);
    }
  }

  #takeBack(entry, edit) {
    this.#pending.get(entry.key)?.node.remove();
    this.#pending.delete(entry.key);
    this.outbox.drop(entry);
    if (edit) this.on.edit(entry);
    this.on.changed();
  }

  #tick() {
    for (const turn of this.#turns.values()) if (!turn.ended) turn.tick(serverNow());
  }

  // --- from events to what is seen -------------------------------------------------------------------------------

  #event(kind, event, found) {
    const at = new Date(event.created_at);
    const live = event.seq > this.#head;
    switch (kind) {
      case "inbox.accepted":
        this.#accepted(event, at);
        break;
      case "inbox.ended":
        for (const id of event.inbox) this.#settle(id, event.outcome, event.by);
        break;
      case "turn.started":
        this.#started(event, at);
        break;
      case "step":
        this.#turn(event.turn, at).step(event.tools);
        break;
      case "tool.result":
        this.#turn(event.turn, at).toolEnded(event.tool, event.status);
        break;
      case "delivery":
        this.#delivered(event, at);
        if (live && this.caughtUp) this.on.answered(event.text);
        break;
      case "delivery.state":
        this.#turns.get(event.turn)?.deliveryState(event.delivery, event.state);
        break;
      case "message.copied":
        this.#copied(event);
        break;
      case "turn.ended":
        this.#ended(event, at);
        break;
    }
    this.#tick();
    if (event.seq >= this.#head && !this.caughtUp) this.#caughtUp(found);
    if (this.caughtUp) {
      if (live) this.on.news();
      this.on.changed();
    }
  }

  #delta(piece) {
    const turn = this.#turn(piece.turn, new Date(serverNow()));
    turn.grow(piece);
    turn.tick(serverNow());
    this.on.changed();
  }

  #accepted(event, at) {
    if (event.kind === "timer") return void this.#log.append(notice(event.text, at));
    let written = this.#written.get(event.inbox) ?? this.#adopt(event);
    if (!written) {
      written = new Written({ text: event.text, attachments: event.attachments, at });
      this.#waiting.append(written.node);
    }
    this.#written.set(event.inbox, written);
    if (event.outcome) {
      written.set(event.outcome === "command" ? "" : event.outcome);
      this.#log.append(written.node);
    } else {
      written.set(this.running ? "queued" : "sent");
    }
  }

  /** Our own message came back as an event before its request was answered: it is the same one. */
  #adopt(event) {
    const own = this.outbox.of(this.session).find((e) => e.after < event.seq && e.text === event.text && this.#pending.has(e.key));
    const written = own && this.#pending.get(own.key);
    if (own) this.#pending.delete(own.key);
    return written;
  }

  #turn(id, at) {
    let turn = this.#turns.get(id);
    if (!turn) {
      turn = new Turn(id, at);
      this.#turns.set(id, turn);
      this.#log.append(turn.node);
    }
    return turn;
  }

  #started(event, at) {
    const turn = this.#turn(event.turn, at);
    turn.started(event.attempt, at);
    for (const id of event.inbox) this.#placeBefore(turn.node, id, "sent");
  }

  /** Where a message stands in the log; null when it is not there. */
  #placed(id) {
    const node = this.#written.get(id)?.node;
    return node?.parentNode === this.#log ? node : null;
  }

  #placeBefore(node, id, state) {
    const written = this.#written.get(id);
    if (!written) return; // it lies further back
    if (written.node.parentNode === this.#waiting) this.#log.insertBefore(written.node, node);
    written.set(state);
  }

  #delivered(event, at) {
    if (!event.turn) return void this.#log.append(notice(event.text, at));
    this.#turn(event.turn, at).delivered(event);
  }

  /** A message of the conversation that this one is a copy of. */
  #copied(event) {
    const at = new Date(event.said_at * 1000);
    if (event.role === "user") {
      this.#log.append(new Written({ text: event.text, attachments: event.attachments, at }).node);
    } else if (event.text) {
      this.#log.append(notice(event.text, at));
    }
  }

  #ended(event, at) {
    const turn = this.#turn(event.turn, at);
    for (const id of event.inbox) this.#placeBefore(turn.node, id, "sent"); // those that were taken in on the way
    turn.end(event.outcome, at);
    if (this.caughtUp) this.#spent(`/${turn.id}`);
    for (const id of event.inbox) this.#settle(id, event.outcome);
  }

  /** A message has its outcome, perhaps `by` another one; where it got no answer it can be written again. */
  #settle(id, outcome, by) {
    const written = this.#written.get(id);
    if (!written) return;
    if (outcome === "answered" || outcome === "absorbed") return void written.set("");
    if (written.node.parentNode === this.#waiting) this.#log.insertBefore(written.node, this.#placed(by));
    const again = ["Edit and send again", () => this.on.edit({ text: written.text, attachments: [] })];
    written.set(outcome, "", ["expired", "failed", "dead_lettered", "stopped"].includes(outcome) ? [again] : []);
  }
}

/** The line that tells a screen reader what an assistant said. */
export function announce(text) {
  byId("announcer").replaceChildren(h("p", {}, `The assistant: ${text}`));
}
