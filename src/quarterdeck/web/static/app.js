/** The chat page: the parts, and what each tells the others. The open conversation is in the address, behind `#`. */

import { call, pause } from "./api.js";
import { Composer } from "./composer.js";
import { Conversations } from "./conversations.js";
import { byId, h, show } from "./dom.js";
import { isDraft, newDraft, Outbox, titleOf } from "./outbox.js";
import { announce, Transcript } from "./transcript.js";

const SOON = 1000; // ms that a first message waits for the stream of its conversation
const NEAR = 80; // px from the end within which the page follows what is added
const narrow = matchMedia("(max-width: 760px)");
const apple = /Mac|iPhone|iPad/.test(navigator.platform);

const scroll = byId("scroll");
const side = byId("side");
let me = { assistants: [], starter_prompts: [] };
let open = "";
let head = {};
let broken = "";
let follow = true;

const outbox = new Outbox({
  changed: (entry) => transcript.entryChanged(entry),
  accepted(entry, receipt) {
    transcript.accepted(entry, receipt);
    if (receipt.outcome !== "command") giveTitle(entry);
    conversations.soon();
  },
  async begun(draft, session) {
    composer.renamed(draft, session.id);
    if (open !== draft) return;
    history.replaceState(null, "", `#${session.id}`);
    await openSession(session.id);
    await Promise.race([transcript.streaming, pause(SOON)]);
  },
});

const transcript = new Transcript(outbox, {
  changed: update,
  news: () => conversations.soon(),
  answered: announce,
  state(state, error) {
    broken = state === "broken" ? "The gateway cannot be reached; trying again." : "";
    if (state === "gone") broken = `This conversation cannot be shown: ${error.message}.`;
    update();
  },
  edit: (message) => composer.edit(message),
});

const composer = new Composer({
  send(message) {
    follow = true;
    const assistant = byId("assistant").value;
    transcript.pend(outbox.add(open, { ...message, assistant, after: transcript.cursor }));
  },
  stop,
});

const conversations = new Conversations();

async function stop() {
  if (!transcript.running || isDraft(open)) return;
  try {
    await call("POST", `/sessions/${open}/stop`, { json: {} });
  } catch (error) {
    show(byId("offline"), `Not stopped: ${error.message}. Try again.`);
  }
}

// --- which conversation -------------------------------------------------------------------------------------------

async function openSession(session) {
  open = session;
  follow = true;
  broken = "";
  conversations.current = session;
  composer.open(session);
  try {
    const found = await transcript.show(session);
    if (found) showHead(found);
    else if (isDraft(session)) showHead({});
  } catch (error) {
    if (error.status === 404) return begin();
    if (!error.passing) throw error;
    broken = "The gateway cannot be reached; trying again.";
    update();
    setTimeout(() => open === session && openSession(session), 2000);
  }
}

/** The title, the model, and the note that a demo model needs; of the chosen assistant while nothing has begun. */
function showHead(session) {
  head = session;
  const known = me.assistants.find((one) => one.id === (head.assistant || byId("assistant").value));
  const label = known?.demo_label ?? "";
  byId("title").textContent = head.title || "New conversation";
  document.title = head.title ? `${head.title} - Quarterdeck` : "Quarterdeck";
  byId("model").textContent = head.model || known?.model || "";
  show(byId("demo"), label && label[0].toUpperCase() + label.slice(1));
  update();
}

/** A conversation that a command began gets its title with the first message. */
async function giveTitle(entry) {
  if (entry.session !== open || !head.id || head.title) return;
  try {
    const change = { json: { title: titleOf(entry) }, headers: { "If-Match": "*" } };
    const found = await call("PATCH", `/sessions/${entry.session}`, change);
    if (entry.session === open) showHead(found);
    conversations.soon();
  } catch (error) {
    if (!error.passing && !error.status) throw error; // else it stays without one
  }
}

/** A conversation that has not begun; one that was written but never sent is taken up again. */
function begin() {
  const left = outbox.entries.find((entry) => isDraft(entry.session));
  history.replaceState(null, "", location.pathname);
  openSession(left?.session ?? newDraft());
}

function fromAddress() {
  const session = location.hash.slice(1);
  if (session) openSession(session);
  else begin();
  closeSide();
}

function fresh() {
  history.pushState(null, "", location.pathname);
  openSession(newDraft());
  closeSide();
  composer.focus();
}

// --- what is seen besides the transcript --------------------------------------------------------------------------

function update() {
  const draft = isDraft(open);
  byId("empty").hidden = !transcript.isEmpty;
  byId("loading").hidden = transcript.caughtUp || draft;
  byId("earlier").hidden = transcript.first === 0 || !transcript.caughtUp;
  byId("assistant-label").hidden = !draft || me.assistants.length < 2;
  composer.running = Boolean(transcript.running);
  const offline = navigator.onLine ? broken : "You are offline. What you write is kept, and sent when you are back.";
  show(byId("offline"), offline);
  if (follow) scroll.scrollTop = scroll.scrollHeight;
  byId("latest").hidden = follow || transcript.isEmpty;
}

function showMe() {
  const option = ({ id }) => h("option", { value: id, selected: id === "default" }, id);
  byId("starters").replaceChildren(...me.starter_prompts.map(starter));
  byId("assistant").replaceChildren(...me.assistants.map(option));
  showHead(head);
}

/** A prompt that ends in a space waits for the rest to be typed. */
function starter(prompt) {
  const use = () => (prompt.endsWith(" ") ? composer.edit({ text: prompt, attachments: [] }) : composer.send(prompt));
  return h("button.starter", { type: "button", onclick: use }, prompt.trim());
}

function openSide(shown) {
  side.classList.toggle("open", shown);
  side.inert = narrow.matches && !shown;
  byId("scrim").hidden = !shown;
  byId("open-side").setAttribute("aria-expanded", String(shown));
  document.querySelector("main").inert = shown;
}

function closeSide() {
  const was = side.classList.contains("open");
  openSide(false);
  if (was) byId("open-side").focus();
}

function key(event) {
  if (event.key.toLowerCase() === "k" && (event.ctrlKey || event.metaKey) && !event.altKey && !event.shiftKey) {
    event.preventDefault();
    fresh();
  } else if (event.key === "Escape" && !event.defaultPrevented) {
    if (side.classList.contains("open")) closeSide();
    else stop();
  }
}

scroll.addEventListener("scroll", () => {
  follow = scroll.scrollHeight - scroll.scrollTop - scroll.clientHeight < NEAR;
  byId("latest").hidden = follow || transcript.isEmpty;
});
byId("latest").addEventListener("click", () => {
  follow = true;
  update();
});
byId("earlier").addEventListener("click", () => transcript.earlier());
byId("new").addEventListener("click", fresh);
byId("assistant").addEventListener("change", () => showHead({}));
byId("open-side").addEventListener("click", () => {
  openSide(true);
  byId("close-side").focus();
});
byId("close-side").addEventListener("click", closeSide);
byId("scrim").addEventListener("click", closeSide);
byId("signout").addEventListener("click", async () => {
  await call("POST", "/signout", { json: {} });
  sessionStorage.clear();
  location.assign("/signin");
});
byId("list").addEventListener("click", (event) => event.target.closest("a[aria-current]") && closeSide());
addEventListener("keydown", key);
addEventListener("hashchange", fromAddress);
addEventListener("popstate", () => location.hash || fromAddress());
addEventListener("online", update);
addEventListener("offline", update);
narrow.addEventListener("change", () => openSide(false));

byId("new-key").textContent = apple ? "⌘ K" : "Ctrl K";
openSide(false);
fromAddress();
outbox.flushAll();
conversations.refresh();
composer.focus();
call("GET", "/me").then((answer) => {
  me = answer;
  showMe();
}, update);
