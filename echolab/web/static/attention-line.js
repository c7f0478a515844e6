// Who needs a look, named in words above the table.

import { needy } from "./attention.js";
import { Text } from "./text.js";
import { html } from "./vendor/htm-preact.module.js";
import { several } from "./words.js";

const MOST_NAMED = 4;
const MOST_OF_A_KIND = 2;

/** Return the rows to name: a few of each kind. */
function named(rows) {
  const kinds = new Map();
  return rows.filter(({ need }) => {
    const before = kinds.get(need.kind) ?? 0;
    kinds.set(need.kind, before + 1);
    return before < MOST_OF_A_KIND;
  }).slice(0, MOST_NAMED);
}

export function AttentionLine({ model, onAll }) {
  if (!model.totals) return null;
  const rows = needy([...model.rows.values()]);
  const shown = named(rows);
  const more = rows.length - shown.length;
  // Screen readers are told when who it is changes, not whenever a number does.
  const spoken = shown.filter(({ need }) => !need.isOver)
    .map(({ number, need }) => `${number} ${need.kind}`).join(", ");
  return html`<section class="attention ${rows.length ? "look" : ""}" aria-label="Attention">
    <span class="unseen" aria-live="polite">${spoken && `Needs a look: ${spoken}`}</span>
    ${!rows.length && html`<p>Nothing needs a look.</p>`}
    ${rows.length > 0 && html`<ul>${shown.map(({ number, peer, need }) => html`
      <li key=${number} class=${need.isOver ? "over" : ""}><a href="#/${number}">
        <span class="sign" aria-hidden="true">${need.isOver ? "✓" : "▲"}</span> <b>${number}</b>${" "}
        <code><${Text} value=${peer}/></code></a> ${need.text}</li>`)}
      ${more > 0 && html`<li key="more"><button type="button" onClick=${onAll}>${
        several(more, "more needs", "more need")} a look</button></li>`}
    </ul>`}
  </section>`;
}
