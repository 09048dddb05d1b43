/** Files of the message that is being written. Each is handed in at once; the message names it by its digest. */

import { call } from "./api.js";
import { byId, bytes, h } from "./dom.js";

const MOST = 20;
const LARGEST = 20 * 1024 * 1024;
const SECONDS = 300;

export class Attachments {
  #chips = byId("chips");
  #items = [];

  /** `changed()` after each step of one. */
  constructor(changed) {
    this.changed = changed;
    const input = byId("files");
    byId("attach").addEventListener("click", () => input.click());
    input.addEventListener("change", () => {
      this.add(input.files);
      input.value = "";
    });
    this.#acceptDrops();
  }

  add(files) {
    for (const file of [...files].slice(0, MOST - this.#items.length)) {
      const item = { file, name: file.name || "pasted", mime: file.type, size: file.size, digest: "", node: h("li.chip") };
      this.#items.push(item);
      this.#chips.append(item.node);
      this.#upload(item);
    }
  }

  /** Files that were handed in before, of a message that is written again. */
  restore(files) {
    for (const file of files) {
      const item = { ...file, node: h("li.chip") };
      this.#items.push(item);
      this.#chips.append(item.node);
      this.#show(item);
    }
  }

  /** Whether all of them can be sent. */
  get ready() {
    return this.#items.every((item) => item.digest);
  }

  get count() {
    return this.#items.length;
  }

  /** Give them away, and begin with none. */
  take() {
    const taken = this.#items.map(({ digest, name, size, mime }) => ({ digest, name, size, mime }));
    this.#items = [];
    this.#chips.replaceChildren();
    this.#show();
    return taken;
  }

  async #upload(item) {
    if (item.size > LARGEST) return this.#show(item, `larger than ${bytes(LARGEST)}`, false);
    this.#show(item, "uploading …", false);
    try {
      const stored = await call("POST", "/blobs", {
        body: item.file,
        headers: {
          "Content-Type": item.mime || "application/octet-stream",
          "X-File-Name": encodeURIComponent(item.name).slice(0, 200).replace(/%.?$/, ""),
        },
        seconds: SECONDS,
      });
      item.digest = stored.digest;
      return this.#show(item);
    } catch (error) {
      return this.#show(item, error.message, true);
    }
  }

  #show(item, told = "", again = false) {
    if (item) {
      const bad = Boolean(told) && told !== "uploading …";
      item.node.className = bad ? "chip bad" : "chip";
      const retry = again && h("button.plain", { type: "button", onclick: () => this.#upload(item) }, "Try again");
      const remove = { type: "button", "aria-label": `Remove ${item.name}`, onclick: () => this.#remove(item) };
      const state = h("small", bad ? { role: "alert" } : {}, told || bytes(item.size));
      item.node.replaceChildren(h("span", {}, item.name), state, retry || "", h("button.x", remove, "×"));
    }
    this.#chips.hidden = !this.#items.length;
    this.changed();
  }

  #remove(item) {
    this.#items = this.#items.filter((one) => one !== item);
    item.node.remove();
    this.#show();
    byId("message").focus();
  }

  #acceptDrops() {
    const hint = byId("drop");
    const holdsFiles = (event) => event.dataTransfer?.types.includes("Files");
    addEventListener("dragover", (event) => {
      if (!holdsFiles(event)) return;
      event.preventDefault();
      hint.hidden = false;
    });
    addEventListener("dragleave", (event) => {
      if (!event.relatedTarget) hint.hidden = true;
    });
    addEventListener("drop", (event) => {
      hint.hidden = true;
      if (!holdsFiles(event)) return;
      event.preventDefault();
      this.add(event.dataTransfer.files);
    });
  }
}
