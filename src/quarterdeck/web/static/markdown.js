/**
 * A safe part of Markdown, as nodes. Nothing of the text is ever read as markup by the browser; links go to http and
 * https only. Reading is linear in the text's length, so that a hostile answer cannot stop the page.
 */

import { copyButton, h } from "./dom.js";

const FENCE = /^ {0,3}(`{3,}|~{3,})\s*([\w+#.-]*)/;
const HEADING = /^ {0,3}(#{1,6})\s+(.+?)\s*#*$/;
const RULE = /^ {0,3}(?:(?:\*\s*){3,}|(?:-\s*){3,}|(?:_\s*){3,})$/;
const QUOTE = /^ {0,3}> ?/;
const ITEM = /^( *)([-*+]|\d{1,9}[.)])\s+/;
const TABLE_LINE = /^\s*\|?\s*:?-+:?\s*(\|\s*:?-+:?\s*)*\|?\s*$/;
const DEPTH = 6;

/** Text that grows: only blocks that changed are built anew, so a selection above them stays. */
export class Markdown {
  #blocks = [];

  constructor() {
    this.node = h("div.markdown", { dir: "auto" });
  }

  set(text) {
    const next = split(text.replace(/\r\n?/g, "\n"));
    let same = 0;
    while (same < next.length && next[same] === this.#blocks[same]) same++;
    while (this.node.children.length > same) this.node.lastChild.remove();
    this.node.append(...next.slice(same).map((block) => render(block, 0)));
    this.#blocks = next;
  }
}

// --- blocks: the text cut into pieces that stand alone ------------------------------------------------------------

function split(text) {
  const lines = text.split("\n");
  const blocks = [];
  for (let at = 0; at < lines.length; ) {
    if (!lines[at].trim()) {
      at++;
      continue;
    }
    const end = blockEnd(lines, at);
    blocks.push(lines.slice(at, end).join("\n"));
    at = end;
  }
  return blocks;
}

function blockEnd(lines, at) {
  const line = lines[at];
  const fence = FENCE.exec(line);
  if (fence) return fenceEnd(lines, at + 1, fence[1]);
  if (HEADING.test(line) || RULE.test(line)) return at + 1;
  if (ITEM.test(line)) return listEnd(lines, at + 1);
  const inside = QUOTE.test(line) ? (next) => QUOTE.test(next) : isTable(lines, at) ? (next) => next.includes("|") : isText;
  let end = at + 1;
  while (end < lines.length && lines[end].trim() && inside(lines[end])) end++;
  return end;
}

const isText = (line) => !(FENCE.test(line) || HEADING.test(line) || ITEM.test(line) || QUOTE.test(line) || RULE.test(line));
const isTable = (lines, at) => lines[at].includes("|") && at + 1 < lines.length && TABLE_LINE.test(lines[at + 1]);

function fenceEnd(lines, at, mark) {
  while (at < lines.length) if (closes(lines[at++], mark)) return at;
  return at;
}

const closes = (line, mark) => line.trim().startsWith(mark) && !line.trim().replaceAll(mark[0], "");

function listEnd(lines, at) {
  for (; at < lines.length; at++) {
    const line = lines[at];
    if (ITEM.test(line) || /^ {2,}\S/.test(line)) continue;
    const next = lines[at + 1] ?? "";
    if (!line.trim() && (ITEM.test(next) || /^ {2,}\S/.test(next))) continue;
    if (line.trim() && lines[at - 1].trim() && isText(line)) continue; // a line that goes on without indent
    return at;
  }
  return at;
}

// --- from one block to a node -------------------------------------------------------------------------------------

function render(block, depth) {
  const lines = block.split("\n");
  let found;
  if ((found = FENCE.exec(lines[0]))) return code(lines, found);
  if ((found = HEADING.exec(block))) return h(`h${Math.min(6, found[1].length + 2)}`, {}, ...inline(found[2]));
  if (RULE.test(block)) return h("hr");
  if (depth < DEPTH && ITEM.test(lines[0])) return list(lines, depth);
  if (depth < DEPTH && QUOTE.test(lines[0])) {
    return h("blockquote", {}, ...split(lines.map((line) => line.replace(QUOTE, "")).join("\n")).map((b) => render(b, depth + 1)));
  }
  if (isTable(lines, 0)) return table(lines);
  return h("p", {}, ...inline(block));
}

function code(lines, [, mark, language]) {
  const last = lines.length > 1 && closes(lines.at(-1), mark) ? -1 : undefined;
  const text = lines.slice(1, last).join("\n");
  const head = h("div.code-head", {}, h("span", {}, language || "text"), copyButton(() => text, "Copy this code"));
  return h("div.code", {}, head, h("pre", { tabindex: "0", role: "group", "aria-label": "Code" }, h("code", { dir: "ltr" }, text)));
}

function list(lines, depth) {
  const [, indent, mark] = ITEM.exec(lines[0]);
  const items = [];
  for (const line of lines) {
    const found = ITEM.exec(line);
    if (found && found[1].length <= indent.length + 1) items.push([line.slice(found[0].length)]);
    else items.at(-1).push(line.replace(/^ {1,4}/, ""));
  }
  const ordered = /\d/.test(mark);
  const start = ordered && parseInt(mark, 10) !== 1 ? { start: parseInt(mark, 10) } : {};
  return h(ordered ? "ol" : "ul", start, ...items.map((item) => h("li", {}, ...itemContent(item, depth))));
}

function itemContent(lines, depth) {
  const blocks = split(lines.join("\n"));
  return blocks.flatMap((block, n) => {
    const node = render(block, depth + 1);
    return n === 0 && node.tagName === "P" ? [...node.childNodes] : [node];
  });
}

function table(lines) {
  const cells = (line) => line.trim().replace(/^\||\|$/g, "").split("|").map((cell) => cell.trim());
  const head = h("tr", {}, ...cells(lines[0]).map((cell) => h("th", { scope: "col" }, ...inline(cell))));
  const rows = lines.slice(2).map((line) => h("tr", {}, ...cells(line).map((cell) => h("td", {}, ...inline(cell)))));
  return h("div.table", { tabindex: "0" }, h("table", {}, h("thead", {}, head), h("tbody", {}, ...rows)));
}

// --- inside a line ------------------------------------------------------------------------------------------------

const LINK = /\[([^[\]\n]{1,500})\]\(\s*<?(https?:\/\/[^\s()<>]{1,2000}(?:\([^\s()<>]{0,500}\)[^\s()<>]{0,500})?)>?(?:\s+"[^"\n]{0,200}")?\s*\)/iy;
const ADDRESS = /https?:\/\/[^\s<>"'`]{1,2000}/iy;
const SPECIAL = /[\\`*_~[h\n]/gi;
const PAIRS = [["**", "strong"], ["__", "strong"], ["~~", "del"], ["*", "em"], ["_", "em"]];

/** The nodes of a piece of text. */
function inline(text, depth = 0) {
  const nodes = [];
  const missing = new Set(); // closing marks that do not come any more
  let plain = "";
  const put = (node) => {
    if (plain) nodes.push(document.createTextNode(plain));
    plain = "";
    nodes.push(node);
  };
  for (let at = 0; at < text.length; ) {
    SPECIAL.lastIndex = at;
    const next = SPECIAL.exec(text)?.index ?? text.length;
    plain += text.slice(at, next);
    if ((at = next) >= text.length) break;
    const found = special(text, at, depth, missing);
    if (found) {
      if (typeof found.node === "string") plain += found.node;
      else put(found.node);
      at = found.end;
    } else {
      plain += text[at++];
    }
  }
  if (plain) nodes.push(document.createTextNode(plain));
  return nodes;
}

function special(text, at, depth, missing) {
  const char = text[at];
  if (char === "\n") return { node: h("br"), end: at + 1 };
  if (char === "\\" && /[!-/:-@[-`{-~]/.test(text[at + 1] ?? "")) return { node: text[at + 1], end: at + 2 };
  if (char === "`") return codeSpan(text, at, missing);
  if (char === "[") return link(text, at, depth);
  if (char === "h" || char === "H") {
    if (/\w/.test(text[at - 1] ?? "")) return null;
    return address(text, at);
  }
  return depth < DEPTH ? emphasis(text, at, depth, missing) : null;
}

function codeSpan(text, at, missing) {
  let end = at;
  while (text[end] === "`") end++;
  const mark = text.slice(at, end);
  const close = closing(text, mark, end, missing);
  if (close < 0) return { node: mark, end };
  return { node: h("code", { dir: "ltr" }, text.slice(end, close).trim()), end: close + mark.length };
}

function link(text, at, depth) {
  LINK.lastIndex = at;
  const found = LINK.exec(text);
  const node = found && depth < DEPTH && anchor(found[2], inline(found[1], DEPTH));
  return node ? { node, end: at + found[0].length } : null;
}

function address(text, at) {
  ADDRESS.lastIndex = at;
  const url = ADDRESS.exec(text)?.[0].replace(/[.,;:!?)\]}*_~]+$/, "");
  const node = url && anchor(url, [url]);
  return node ? { node, end: at + url.length } : null;
}

function anchor(href, children) {
  try {
    const url = new URL(href);
    if (url.protocol !== "https:" && url.protocol !== "http:") return null;
    return h("a", { href: url.href, title: url.href, target: "_blank", rel: "noopener noreferrer nofollow" }, ...children);
  } catch {
    return null;
  }
}

function emphasis(text, at, depth, missing) {
  for (const [mark, tag] of PAIRS) {
    if (!text.startsWith(mark, at)) continue;
    const from = at + mark.length;
    const word = mark[0] === "_" && /\w/.test(text[at - 1] ?? "");
    if (word || /\s/.test(text[from] ?? " ")) return { node: mark, end: from };
    const close = closing(text, mark, from + 1, missing);
    if (close < 0 || /\s/.test(text[close - 1]) || (mark[0] === "_" && /\w/.test(text[close + mark.length] ?? ""))) continue;
    return { node: h(tag, {}, ...inline(text.slice(from, close), depth + 1)), end: close + mark.length };
  }
  return null;
}

function closing(text, mark, from, missing) {
  if (missing.has(mark)) return -1;
  const close = text.indexOf(mark, from);
  if (close < 0) missing.add(mark);
  return close;
}
