/** Requests to the gateway: one way out, and two kinds of failure. */

const BASE = "/api/v1";
const SECONDS = 30;
const AGAIN_LATER = new Set([401, 408, 409, 425, 429]);

/** The gateway said no, and why (application/problem+json). */
export class Problem extends Error {
  constructor(status, body) {
    super(body.detail || body.title || `the gateway answered ${status}`);
    this.status = status;
    this.nextStep = body.next_step || "";
    this.passing = status >= 500 || AGAIN_LATER.has(status);
  }
}

/** No answer came: whether the request arrived is unknown. */
export class NoAnswer extends Error {
  passing = true;
}

/** The server's clock less ours, in milliseconds, so that "seconds passing" is right on any machine. */
let skew = 0;

export const serverNow = () => Date.now() + skew;

/** A request; gives the parsed JSON, or null without one. Raises Problem or NoAnswer. */
export async function call(method, path, { json, body, headers = {}, seconds = SECONDS } = {}) {
  const response = await send(method, path, {
    body: json === undefined ? body : JSON.stringify(json),
    headers: json === undefined ? headers : { "Content-Type": "application/json", ...headers },
    signal: AbortSignal.timeout(seconds * 1000),
  });
  try {
    return response.status === 204 ? null : await response.json();
  } catch {
    throw new NoAnswer("the answer broke off");
  }
}

/** Open a stream of events. Raises Problem or NoAnswer. */
export function open(path, signal) {
  return send("GET", path, { headers: { Accept: "text/event-stream" }, signal });
}

async function send(method, path, options) {
  let response;
  try {
    response = await fetch(BASE + path, {
      method,
      cache: "no-store",
      ...options,
      headers: { "X-Quarterdeck": "1", ...options.headers },
    });
  } catch {
    throw new NoAnswer("the gateway cannot be reached");
  }
  const date = Date.parse(response.headers.get("date") || "");
  if (date) skew = Math.abs(date - Date.now()) < 2000 ? 0 : date - Date.now();
  if (response.ok) return response;
  if (response.status === 401) location.assign("/signin");
  throw new Problem(response.status, await response.json().catch(() => ({})));
}

/** Wait; a returning connection or `signal` ends it early. */
export function pause(milliseconds, signal) {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      removeEventListener("online", done);
      signal?.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, milliseconds);
    addEventListener("online", done);
    signal?.addEventListener("abort", done);
  });
}

/** Milliseconds before try number `failures` + 1: doubling up to 15 s, spread so that pages do not come all at once. */
export const backoff = (failures) => Math.min(15_000, 400 * 2 ** Math.min(failures, 8)) * (0.75 + Math.random() / 2);
