// Text from the network as text nodes; escapes in a style of their own.

import { piecesOf } from "./escaping.js";
import { html } from "./vendor/htm-preact.module.js";

/** A text that a peer or the server chose. */
export function Text({ value }) {
  return html`${shown(piecesOf(String(value)))}`;
}

/** Return pieces `[isEscape, text]` as nodes, with what `query` finds marked. */
export function shown(pieces, query = "") {
  if (!query) {
    return pieces.map(([isEscape, text]) => (
      isEscape ? html`<span class="escape">${text}</span>` : text
    ));
  }
  return marked(pieces, query).map(([isEscape, text, isFound]) => {
    const inner = isEscape ? html`<span class="escape">${text}</span>` : text;
    return isFound ? html`<mark>${inner}</mark>` : inner;
  });
}

/** Cut pieces where a find begins and ends; `[isEscape, text, isFound]`. */
function marked(pieces, query) {
  const whole = pieces.map(([, text]) => text).join("").toLowerCase();
  const finds = [];
  for (let at = whole.indexOf(query); at >= 0; at = whole.indexOf(query, at)) {
    finds.push(at, at + query.length);
    at += query.length;
  }
  const cut = [];
  let start = 0;
  let edge = 0; // the next edge of a find; an odd one is its end
  for (const [isEscape, text] of pieces) {
    const end = start + text.length;
    let at = start;
    while (at < end) {
      const next = Math.min(end, finds[edge] ?? end);
      if (next > at) cut.push([isEscape, text.slice(at - start, next - start), edge % 2 === 1]);
      at = next;
      if (at === finds[edge]) edge += 1;
    }
    start = end;
  }
  return cut;
}
