/** The menu behind "/": what can be typed besides ordinary messages. The field keeps the focus. */

import { byId, h } from "./dom.js";

const COMMANDS = [
  ["/new", "forget what was said before, and go on here"],
  ["/stop", "stop the answer and drop what waits"],
  ["/status", "what is being done"],
  ["/model", "which model answers, and which others there are"],
  ["/help", "all commands"],
];

export class CommandMenu {
  #list = byId("commands");
  #options = [];
  #at = 0;

  /** `chosen(command)` when one is picked. */
  constructor(field, chosen) {
    this.field = field;
    this.chosen = chosen;
    field.addEventListener("input", () => this.update());
    field.addEventListener("blur", () => this.close());
  }

  get isOpen() {
    return !this.#list.hidden;
  }

  /** Follow what is in the field. */
  update() {
    const text = this.field.value;
    const found = /^\/[a-z]*$/i.test(text) ? COMMANDS.filter(([name]) => name.startsWith(text.toLowerCase())) : [];
    if (!found.length || document.activeElement !== this.field) return this.close();
    this.#options = found.map(([name, told], n) => this.#option(name, told, n));
    this.#list.replaceChildren(...this.#options);
    this.#list.hidden = false;
    this.field.setAttribute("aria-expanded", "true");
    this.#move(0);
  }

  close() {
    this.#list.hidden = true;
    this.field.setAttribute("aria-expanded", "false");
    this.field.removeAttribute("aria-activedescendant");
  }

  /** True when the key was for the menu. */
  key(event) {
    if (!this.isOpen) return false;
    const moves = { ArrowDown: 1, ArrowUp: -1 };
    if (event.key in moves) this.#move(this.#at + moves[event.key]);
    else if (event.key === "Enter" && !event.shiftKey) this.#choose(this.#at);
    else if (event.key === "Tab" && !event.shiftKey) this.#complete();
    else if (event.key === "Escape") this.close();
    else return false;
    event.preventDefault();
    return true;
  }

  #option(name, told, n) {
    const option = h("li", { role: "option", id: `command-${n}` }, h("strong", {}, name), h("span.quiet", {}, told));
    option.dataset.name = name;
    option.addEventListener("mousedown", (event) => event.preventDefault()); // the field keeps the focus
    option.addEventListener("click", () => this.#choose(n));
    option.addEventListener("mousemove", () => this.#move(n));
    return option;
  }

  #move(to) {
    this.#at = (to + this.#options.length) % this.#options.length;
    this.#options.forEach((option, n) => option.setAttribute("aria-selected", String(n === this.#at)));
    this.field.setAttribute("aria-activedescendant", `command-${this.#at}`);
  }

  #choose(n) {
    const { name } = this.#options[n].dataset;
    this.close();
    this.chosen(name);
  }

  #complete() {
    this.field.value = `${this.#options[this.#at].dataset.name} `;
    this.close();
  }
}
