/** How messages look: what a person wrote, and what an assistant does about it. */

import { bytes, clockTime, copyButton, duration, h } from "./dom.js";
import { Markdown } from "./markdown.js";

/** What is told below a person's message, and whether that calls for the person to do something. */
const TOLD = {
  sending: ["Sending …"],
  retrying: ["Not confirmed yet; trying again …"],
  unsent: ["Not sent.", true],
  queued: ["Queued"],
  sent: ["Sent"],
  stopped: ["Stopped before it was answered"],
  superseded: ["Set aside for a newer message"],
  refused: ["Not taken: too many messages wait. Send it again a little later.", true],
  expired: ["Not answered in time. Send it again if it still matters.", true],
  failed: ["No answer could be had. Send it again, perhaps with another /model.", true],
  dead_lettered: ["Put aside after repeated failures. Send it again, or ask whoever runs this.", true],
};

const TOOL_TOLD = {
  running: "running …",
  ok: "done",
  error: "failed",
  denied: "not allowed",
  skipped: "skipped",
  unknown: "outcome unknown: look whether it happened before asking again",
};

const NOT_RUN = "not run";

const DELIVERY_TOLD = {
  ready: "On its way …",
  sending: "On its way …",
  unknown: "It is unknown whether this arrived. Look there, then: quarterdeck deliveries list",
  failed: "This could not be delivered. To try again: quarterdeck deliveries list",
  refused: "The other side refused this message.",
  held: "Held back by a stop.",
  dismissed: "This was not delivered, and is left at that.",
};

/** A message of a person. */
export class Written {
  #told = h("span.told");
  #actions = h("span.actions");

  constructor({ text, attachments, at }) {
    this.text = text;
    this.attachments = attachments;
    this.command = text.startsWith("/");
    const files = attachments.map((file) => h("li.chip", {}, h("span", {}, file.name), h("small", {}, bytes(file.size))));
    const time = h("time", { datetime: at.toISOString() }, clockTime(at));
    this.node = h(
      this.command ? "li.written.command" : "li.written",
      {},
      h("span.unseen", {}, "You wrote:"),
      text ? h("div.bubble", { dir: "auto" }, text) : null,
      files.length ? h("ul.chips", { "aria-label": "Attachments" }, ...files) : null,
      h("div.meta", {}, time, this.#told, this.#actions),
    );
  }

  /** `actions`: [label, function] pairs. */
  set(state, detail = "", actions = []) {
    this.state = state;
    const [told, bad] = TOLD[state] ?? [""];
    this.#told.textContent = detail && bad ? `${told} ${detail}` : told;
    this.node.classList.toggle("bad", Boolean(bad));
    this.#actions.replaceChildren(...actions.map(([label, act]) => h("button.plain", { type: "button", onclick: act }, label)));
  }
}

/** A text of the assistant or of the system. */
class Said {
  #body = new Markdown();

  constructor(kind) {
    this.node = h(`div.said.${kind}`, {}, this.#body.node);
  }

  set(text) {
    this.text = text;
    this.#body.set(text);
  }
}

/** A notice that belongs to no turn, such as a command's reply. */
export function notice(text, at) {
  const said = new Said("notice");
  said.set(text);
  return h("li.turn", {}, said.node, h("div.meta", {}, h("time", { datetime: at.toISOString() }, clockTime(at))));
}

/** A turn: what the assistant does, and its answer while it grows and when it is there. */
export class Turn {
  #tools = h("ul.tools", { "aria-label": "Tools", hidden: true });
  #texts = h("div");
  #doing = h("div.doing", { "aria-hidden": "true" }, h("span.pulse"), h("span"));
  #foot = h("div.meta");
  #running = [];
  #live = null;
  #pieces = "";
  #attempt = 1; // of the turn; a crash begins another
  #last = { attempt: 0, seq: 0 }; // piece; each call of the model is an attempt at the answer
  #deliveries = new Map();
  #frame = 0;

  constructor(id, startedAt) {
    this.id = id;
    this.startedAt = startedAt;
    this.ended = false;
    const name = h("span.unseen", {}, "The assistant:");
    this.node = h("li.turn.running", {}, name, this.#tools, this.#texts, this.#doing, this.#foot);
  }

  /** Taken up, once more after a crash. */
  started(attempt, at) {
    if (attempt === 1) this.startedAt = at;
    if (attempt <= this.#attempt) return;
    this.#attempt = attempt;
    this.#leave("interrupted; begun again");
    this.#clear();
  }

  /**
   * A piece of the growing answer; a `whole` one is all that has grown. One that was missed leaves a mark until the
   * whole answer is there.
   */
  grow({ attempt, seq, text, whole }) {
    if (this.ended || attempt < this.#last.attempt) return;
    if (attempt > this.#last.attempt) {
      this.#leave(NOT_RUN); // the model was asked again, so nothing runs
      this.#clear();
      this.#last = { attempt, seq: 0 };
    }
    if (whole ? seq < this.#last.seq : seq <= this.#last.seq) return;
    if (whole) this.#pieces = "";
    else if (seq > this.#last.seq + 1) this.#pieces += this.#pieces ? " … " : "… ";
    this.#pieces += text;
    this.#last.seq = seq;
    this.#frame ||= requestAnimationFrame(() => this.#paint());
  }

  /** The model asked for tools; what it said before is part of its work, not its answer. */
  step(tools) {
    this.#leave(NOT_RUN);
    this.#clear();
    for (const tool of tools) {
      const told = h("span.told", {}, TOOL_TOLD.running);
      this.#tools.append(h("li", { "data-tool": tool }, h("code", {}, tool), told));
      this.#running.push({ tool, told });
    }
    this.#tools.hidden = !this.#tools.children.length;
  }

  toolEnded(tool, status) {
    const at = this.#running.findIndex((one) => one.tool === tool);
    if (at < 0) return;
    const [{ told }] = this.#running.splice(at, 1);
    told.textContent = TOOL_TOLD[status] ?? status;
    told.parentNode.classList.add(status);
  }

  /** The final text takes the place of what grew. */
  delivered({ delivery, kind, text, state }) {
    const said = this.#live ?? this.#append(kind);
    this.#live = null;
    this.#clear();
    said.node.className = `said ${kind}`;
    said.set(text);
    this.#deliveries.set(delivery, said);
    this.deliveryState(delivery, state);
    return said.node;
  }

  deliveryState(delivery, state) {
    const said = this.#deliveries.get(delivery);
    if (!said) return;
    said.node.querySelector(".fate")?.remove();
    if (DELIVERY_TOLD[state]) said.node.append(h("p.fate", {}, DELIVERY_TOLD[state]));
  }

  end(outcome, at) {
    this.ended = true;
    this.#clear();
    this.#leave(outcome === "answered" ? NOT_RUN : "not finished");
    this.node.classList.remove("running");
    this.node.classList.toggle("bad", outcome === "failed" || outcome === "dead_lettered");
    this.#doing.remove();
    const said = [...this.#deliveries.values()].at(-1);
    if (outcome === "superseded") this.#foot.append(h("span.told", {}, "Set aside for a newer message"));
    if (outcome === "stopped") this.#foot.append(h("span.told", {}, "Stopped"));
    this.#foot.append(h("time", { datetime: at.toISOString() }, clockTime(at)), h("span", {}, duration(at - this.startedAt)));
    if (outcome === "answered" && said) this.#foot.append(copyButton(() => said.text, "Copy this answer"));
  }

  /** Model, tokens, cost; by kind under the pointer. */
  spent({ calls, estimated, unpriced, tokens, cost, models }) {
    if (!this.ended || !calls || this.node.querySelector(".spent")) return;
    const style = { style: "currency", maximumSignificantDigits: 3 };
    const sums = cost.map(({ amount, currency }) => Number(amount).toLocaleString(undefined, { ...style, currency }));
    if (unpriced) sums.push("no price");
    const title = Object.entries(tokens).map((kind) => kind.join(" ")).join("\n");
    const words = [models, `${tokens.input + tokens.output} tokens`, (estimated ? "about " : "") + sums.join(" + ")];
    this.#foot.append(h("span.spent", { title }, words.join(" · ")));
  }

  /** What it does now, in words. */
  get doing() {
    if (this.#running.length) return `Running ${this.#running.map((one) => one.tool).join(", ")}`;
    return this.#pieces ? "Writing" : "Thinking";
  }

  tick(now) {
    this.#doing.lastChild.textContent = `${this.doing} · ${duration(now - this.startedAt)}`;
  }

  #append(kind) {
    const said = new Said(kind);
    this.#texts.append(said.node);
    return said;
  }

  #paint() {
    this.#frame = 0;
    this.#live ??= this.#append("growing");
    this.#live.set(this.#pieces);
  }

  /** Calls that got no result. */
  #leave(told) {
    for (const one of this.#running.splice(0)) one.told.textContent = told;
  }

  #clear() {
    cancelAnimationFrame(this.#frame);
    this.#frame = 0;
    this.#pieces = "";
    this.#live?.node.remove();
    this.#live = null;
  }
}
