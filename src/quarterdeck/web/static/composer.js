/** The card in which messages are written. A text that was not sent yet is kept for its conversation in this tab. */

import { Attachments } from "./attachments.js";
import { CommandMenu } from "./commands.js";
import { byId } from "./dom.js";

const PLACE = "quarterdeck.drafts";
const TALLEST = 220;
const touch = matchMedia("(pointer: coarse)");

export class Composer {
  #field = byId("message");
  #session = "";
  #running = false;
  #drafts = JSON.parse(sessionStorage.getItem(PLACE) || "{}");

  /** `on.send({text, attachments})`, `on.stop()`. */
  constructor(on) {
    this.on = on;
    this.attachments = new Attachments(() => this.#update());
    this.menu = new CommandMenu(this.#field, (command) => this.#send(command));
    this.#field.addEventListener("input", () => this.#typed());
    this.#field.addEventListener("keydown", (event) => this.#key(event));
    this.#field.addEventListener("paste", (event) => this.#paste(event));
    byId("composer").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#submit();
    });
    byId("stop").addEventListener("click", () => on.stop());
  }

  /** Write for another conversation. */
  open(session) {
    if (session === this.#session) return; // what is being typed stays
    this.#session = session;
    this.#write(this.#drafts[session] ?? "");
  }

  /** The conversation has got its real name. */
  renamed(from, to) {
    if (this.#session === from) this.#session = to;
    this.#typed();
  }

  set running(running) {
    this.#running = running;
    this.#update();
  }

  /** Put a message back, to be changed. */
  edit({ text, attachments }) {
    this.#write(text);
    this.attachments.restore(attachments);
    this.focus();
  }

  send(text) {
    this.#send(text);
  }

  focus() {
    this.#field.focus();
  }

  #submit() {
    const text = this.#field.value.trim();
    if ((!text && !this.attachments.count) || !this.attachments.ready) return;
    this.#write("");
    this.on.send({ text, attachments: this.attachments.take() });
  }

  /** A text that was picked, not typed; files that are there stay for the next message. */
  #send(text) {
    this.#write("");
    this.on.send({ text, attachments: [] });
    this.focus();
  }

  #write(text) {
    this.#field.value = text;
    this.menu.close();
    this.#typed();
  }

  #typed() {
    const { value } = this.#field;
    if (value) this.#drafts[this.#session] = value;
    else delete this.#drafts[this.#session];
    sessionStorage.setItem(PLACE, JSON.stringify(this.#drafts));
    this.#field.style.height = "auto";
    this.#field.style.height = `${Math.min(TALLEST, this.#field.scrollHeight)}px`;
    this.#update();
  }

  #key(event) {
    if (event.isComposing || this.menu.key(event)) return;
    if (event.key !== "Enter" || event.shiftKey || touch.matches) return; // with a finger, Enter is a new line
    event.preventDefault();
    this.#submit();
  }

  #paste(event) {
    const { files } = event.clipboardData;
    if (!files.length) return;
    event.preventDefault();
    this.attachments.add(files);
  }

  /** Stop takes the place of send while an answer grows; who writes meanwhile gets both. */
  #update() {
    const written = Boolean(this.#field.value.trim()) || this.attachments.count > 0;
    byId("stop").hidden = !this.#running;
    byId("send").hidden = this.#running && !written;
    byId("send").disabled = !written || !this.attachments.ready;
    byId("send").title = this.attachments.ready ? "" : "Wait for the files, or remove those that failed";
  }
}
