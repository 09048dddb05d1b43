/** Small helpers for building what is seen. Text always becomes a text node, never markup. */

/**
 * An element: `h("p.note.bad", { title: "x", onclick: f }, "text", child)`.
 * `true` sets an attribute without a value; `false`, `null` and `undefined` leave it out.
 */
export function h(name, attributes = {}, ...children) {
  const [tag, ...classes] = name.split(".");
  const node = document.createElement(tag);
  if (classes.length) node.className = classes.join(" ");
  for (const [key, value] of Object.entries(attributes)) {
    if (value === false || value === null || value === undefined) continue;
    if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
    else node.setAttribute(key, value === true ? "" : value);
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

export const byId = (id) => document.getElementById(id);

/** Show `text` in `node`, and hide it when there is none. Written only when it changes, so nothing is read twice. */
export function show(node, text) {
  if (node.textContent !== text) node.textContent = text;
  node.hidden = !text;
}

/** A button that copies what `text()` gives, and says so for a moment. */
export function copyButton(text, label) {
  const button = h("button.plain.copy", { type: "button", "aria-label": label }, "Copy");
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(text());
      button.textContent = "Copied";
    } catch {
      button.textContent = "Not allowed"; // the browser refuses outside of https and localhost
    }
    setTimeout(() => (button.textContent = "Copy"), 1500);
  });
  return button;
}

/** "14:05" today, "Mon 14:05" this week, else the date. */
export function clockTime(moment) {
  const age = Date.now() - moment;
  const time = moment.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
  if (moment.toDateString() === new Date().toDateString()) return time;
  if (age < 6 * 86_400_000) return `${moment.toLocaleDateString([], { weekday: "short" })} ${time}`;
  return `${moment.toLocaleDateString([], { day: "numeric", month: "short", year: "numeric" })} ${time}`;
}

/** "now", "5 min", "3 h", "2 d", else the date. */
export function age(moment, now = Date.now()) {
  const minutes = Math.floor((now - moment) / 60_000);
  if (minutes < 1) return "now";
  if (minutes < 60) return `${minutes} min`;
  if (minutes < 24 * 60) return `${Math.floor(minutes / 60)} h`;
  if (minutes < 7 * 24 * 60) return `${Math.floor(minutes / (24 * 60))} d`;
  return moment.toLocaleDateString([], { day: "numeric", month: "short" });
}

/** "4 s", "2 min 5 s". */
export function duration(milliseconds) {
  const seconds = Math.max(0, Math.floor(milliseconds / 1000));
  return seconds < 60 ? `${seconds} s` : `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
}

/** "820 B", "12 kB", "3.4 MB". */
export function bytes(size) {
  if (size < 1000) return `${size} B`;
  return size < 1_000_000 ? `${Math.round(size / 1000)} kB` : `${(size / 1_000_000).toFixed(1)} MB`;
}
