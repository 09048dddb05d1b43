/** The console in a browser: parts that keep up with what happens, the drawer on a phone, signing out. */

const KINDS = ["inbox.accepted", "inbox.ended", "turn.started", "step", "turn.ended", "delivery", "delivery.state", "message.copied", "pairing.asked"];
const PAUSE = 500; // ms; what happens within it is one look
const ANYWAY = 15_000; // ms; what makes no event is seen so soon
const byId = (id) => document.getElementById(id);
const narrow = matchMedia("(max-width: 760px)");

// --- looking again ------------------------------------------------------------------------------------------------

let source;
let timer = 0;

/** Somebody writes or presses there, or an answer is on its way: none of it must be taken away. */
function busy(live) {
  const written = (field) => field === document.activeElement || field.value !== (field.defaultValue ?? field.value);
  return live.querySelector(".htmx-request, :active") || [...live.querySelectorAll("input, textarea, select")].some(written);
}

/** How to find an element again after the part that it is in was drawn anew; empty when there is no telling. */
function name(element) {
  const within = (selector) => element.closest?.(selector);
  const quoted = (text) => `"${CSS.escape(text ?? "")}"`;
  if (element.id) return `#${CSS.escape(element.id)}`;
  if (element.matches("summary") && within("details[id]")) return `#${CSS.escape(within("details").id)} > summary`;
  if (element.matches("a")) return `a[href=${quoted(element.getAttribute("href"))}]`;
  if (!element.matches("button") || !within("form")) return "";
  const value = element.value && `[value=${quoted(element.value)}]`;
  return `form[action=${quoted(within("form").getAttribute("action"))}] button${value}`;
}

function look() {
  timer = 0;
  const live = byId("live");
  if (!live || document.hidden) return;
  if (busy(live)) timer = setTimeout(look, PAUSE);
  else htmx.trigger(live, "happened");
}

function soon() {
  timer ||= setTimeout(look, PAUSE);
}

/** Events are followed while somebody looks; the browser reconnects by itself. */
function follow() {
  source?.close();
  if (document.hidden) return;
  source = new EventSource("/api/v1/events?cursor=now");
  for (const kind of KINDS) source.addEventListener(kind, soon);
  source.addEventListener("open", () => tell(""));
  source.addEventListener("error", () => tell("The gateway cannot be reached. What is shown may be old; trying again."));
}

function tell(text) {
  const place = byId("offline");
  if (place.textContent !== text) place.textContent = text;
  place.hidden = !text;
}

document.addEventListener("visibilitychange", () => {
  follow();
  soon();
});
setInterval(soon, ANYWAY);
follow();

// --- answers to forms ---------------------------------------------------------------------------------------------

/** An answer that says what was wrong is shown in the form; nothing that was typed is lost. */
document.addEventListener("htmx:beforeSwap", ({ detail }) => {
  const page = detail.xhr.getResponseHeader("content-type")?.startsWith("text/html");
  if (detail.xhr.status >= 400) detail.shouldSwap = detail.requestConfig.verb !== "get" && page;
});
document.addEventListener("htmx:afterRequest", ({ detail }) => {
  if (detail.requestConfig.verb === "get" || detail.successful) return;
  const place = detail.target.isConnected ? detail.target : byId("told");
  if (place.querySelector(".error")) return;
  const told = document.createElement("p");
  told.className = "error";
  told.setAttribute("role", "alert");
  told.textContent = "Not done: the gateway did not answer. Look whether it was done before you try again.";
  place.replaceChildren(told);
});

/** A part that is drawn anew keeps what was opened in it, and the focus. */
let kept = { open: [], focus: "" };
document.addEventListener("htmx:beforeSwap", ({ detail, target }) => {
  if (target.id !== "live") return;
  if (target.querySelector(":active")) { // a button that is gone when the finger leaves it was not pressed
    detail.shouldSwap = false;
    return soon();
  }
  const open = [...target.querySelectorAll("details[open][id]")].map((one) => one.id);
  kept = { open, focus: target.contains(document.activeElement) ? name(document.activeElement) : "" };
});
document.addEventListener("htmx:afterSettle", ({ target }) => {
  if (target.id === "told") return target.focus(); // the button that was pressed may be gone now
  for (const id of kept.open) byId(id)?.setAttribute("open", "");
  if (kept.focus && document.activeElement === document.body) document.querySelector(kept.focus)?.focus();
  kept = { open: [], focus: "" };
});

// --- the drawer and the foot --------------------------------------------------------------------------------------

function openSide(shown) {
  byId("side").classList.toggle("open", shown);
  byId("side").inert = narrow.matches && !shown;
  byId("scrim").hidden = !shown;
  byId("open-side").setAttribute("aria-expanded", String(shown));
  byId("main").inert = shown;
}

function closeSide() {
  if (!byId("side").classList.contains("open")) return;
  openSide(false);
  byId("open-side").focus();
}

byId("open-side").addEventListener("click", () => {
  openSide(true);
  byId("close-side").focus();
});
byId("close-side").addEventListener("click", closeSide);
byId("scrim").addEventListener("click", closeSide);
addEventListener("keydown", (event) => event.key === "Escape" && closeSide());
narrow.addEventListener("change", () => openSide(false));
byId("signout").addEventListener("click", async () => {
  const headers = { "X-Quarterdeck": "1", "Content-Type": "application/json" };
  await fetch("/api/v1/signout", { method: "POST", headers, body: "{}" });
  location.assign("/signin");
});
byId("signout").disabled = false;
openSide(false);
