/** Exchanges the code behind `#` for a cookie, once, and takes it out of the address and the history at once. */

import { call } from "./api.js";
import { byId } from "./dom.js";

const code = decodeURIComponent(location.hash.slice(1).replace(/^code=/, ""));
history.replaceState(null, "", location.pathname);

function ask(text) {
  byId("state").textContent = text;
  byId("help").hidden = false;
}

async function exchange() {
  try {
    await call("POST", "/signin", { json: { code } });
    location.replace("/");
  } catch (error) {
    ask(`You are not signed in: ${error.message}.`);
  }
}

if (code) exchange();
else ask("You are not signed in.");
addEventListener("hashchange", () => location.reload()); // a link that was opened in this very tab
