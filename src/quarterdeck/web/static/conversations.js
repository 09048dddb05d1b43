/** The list of conversations, newest first. */

import { call } from "./api.js";
import { age, byId, h } from "./dom.js";

const PAGE = 50;
const PAUSE = 400; // ms; several changes are one request

export class Conversations {
  #list = byId("list");
  #more = byId("list-more");
  #pages = 1;
  #timer = 0;
  #current = "";
  #items = [];

  constructor() {
    this.#more.addEventListener("click", () => {
      this.#pages++;
      this.refresh();
    });
    setInterval(() => this.#render(), 30_000);
    document.addEventListener("visibilitychange", () => document.hidden || this.soon());
  }

  /** Mark the one that is open. */
  set current(session) {
    this.#current = session;
    this.#render();
  }

  /** Something happened: look again in a moment. */
  soon() {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.refresh(), PAUSE);
  }

  async refresh() {
    const found = [];
    let cursor = "";
    try {
      for (let page = 0; page < this.#pages && cursor !== null; page++) {
        const answer = await call("GET", `/sessions?connection=web&limit=${PAGE}&cursor=${encodeURIComponent(cursor)}`);
        found.push(...answer.items);
        cursor = answer.next_cursor;
      }
    } catch (error) {
      if (!error.passing && !error.status) throw error;
      return; // the banner tells of it; the list stays as it was
    }
    this.#items = found.filter((one) => one.head > 0); // without an event it was never begun
    this.#more.hidden = cursor === null;
    this.#render();
  }

  #render() {
    const focused = document.activeElement?.closest?.("#list a")?.getAttribute("href");
    this.#list.replaceChildren(...this.#items.map((one) => this.#row(one)));
    byId("list-empty").hidden = this.#items.length > 0;
    if (focused) this.#list.querySelector(`a[href="${CSS.escape(focused)}"]`)?.focus();
  }

  #row(one) {
    const title = one.title || "Untitled";
    const working = one.running_turn ? h("span.dot", { title: "An answer is being written" }, h("span.unseen", {}, "working")) : null;
    const when = h("small", {}, age(new Date(one.updated_at)));
    const current = one.id === this.#current ? { "aria-current": "page" } : {};
    return h("li", {}, h("a", { href: `#${one.id}`, title, ...current }, h("span.name", { dir: "auto" }, title), working, when));
  }
}
