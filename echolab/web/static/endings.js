// Connections that ended and why; and those that were refused.

import { sorted, Table } from "./table.js";
import { Text } from "./text.js";
import { html, useState } from "./vendor/htm-preact.module.js";
import { cause, clock, count, date, isOrderly, size, span } from "./words.js";

const TIME = { title: "When it was, by the clock of this browser", value: (row) => row.time ?? row.ended,
  cell: (row) => html`<span title=${date(row.time ?? row.ended)}>${clock(row.time ?? row.ended)}</span>` };

const WHY = { key: "why", label: "why", title: "Why, and in which words the system or the server says it",
  value: (row) => cause(row.cause),
  cell: (row) => html`${!isOrderly(row.cause) && html`<span class="sign" aria-hidden="true">▲ </span>`}<span
    title=${row.cause}>${cause(row.cause)}</span>${row.detail && html` <span class="soft"><${Text} value=${row.detail}/></span>`}` };

function amount(key, label, title) {
  return { key, label, title, isNumber: true, isDownFirst: true,
    value: (row) => row[key], cell: (row) => size(row[key]) };
}

const ENDED = [
  { ...TIME, key: "time", label: "ended", isDownFirst: true },
  { key: "number", label: "no.", title: "Number of the connection", isNumber: true,
    value: (row) => row.number, cell: (row) => row.number },
  { key: "peer", label: "peer", title: "Who was at the other end", isHead: true,
    value: (row) => row.peer,
    cell: (row, tabIndex) => html`<a href="#/${row.number}" tabindex=${tabIndex}><${Text} value=${row.peer}/></a>` },
  WHY,
  { key: "lasted", label: "lasted", title: "How long it lasted", isNumber: true, isDownFirst: true,
    value: (row) => row.ended - row.began, cell: (row) => span(row.ended - row.began) },
  amount("received", "in", "Bytes received"),
  { key: "messages", label: "messages", title: "Messages received", isNumber: true,
    isDownFirst: true, value: (row) => row.messages, cell: (row) => count(row.messages) },
  amount("sent", "out", "Bytes sent"),
  amount("unread", "unread", "Bytes that had arrived and were not read"),
  amount("unsent", "unsent", "Bytes written to the peer that this side's kernel did not take; the peer may lack more"),
];

const REFUSED = [
  { ...TIME, key: "time", label: "when", isDownFirst: true },
  { key: "peer", label: "peer", title: "Who it was", isHead: true,
    value: (row) => row.peer, cell: (row) => html`<${Text} value=${row.peer}/>` },
  WHY,
  { key: "others", label: "and others",
    title: "How many more were turned away since the report before, of whatever cause: in a rush, not each is reported",
    isNumber: true, isDownFirst: true,
    value: (row) => row.others, cell: (row) => (row.others ? count(row.others) : "") },
];

/** Return "120: the peer closed it; 25: it broke", the most frequent first. */
function causesOf(counts) {
  return Object.entries(counts).filter(([, number]) => number).sort(([, a], [, b]) => b - a)
    .map(([name, number]) => `${count(number)} ${cause(name)}`).join(" · ");
}

function Part({ title, counts, columns, rows, keyOf, classOf, empty }) {
  const [order, setOrder] = useState({ key: "time", isDown: true });
  const [isOpen, setOpen] = useState(false);
  const all = Object.values(counts).reduce((sum, each) => sum + each, 0);
  return html`<details class="endings" onToggle=${(event) => setOpen(event.target.open)}>
    <summary><h2>${title}</h2> <b>${count(all)}</b> <span class="soft">${causesOf(counts)}</span></summary>
    ${isOpen && html`<div class="scroll" role="region" tabindex="0" aria-label=${title}>
      <${Table} caption=${title} columns=${columns} rows=${sorted(rows, columns, order)}
        order=${order} onOrder=${setOrder} keyOf=${keyOf} classOf=${classOf}/>
      ${!rows.length && html`<p class="empty">${empty}</p>`}
      ${all > rows.length && rows.length > 0 && html`<p class="more">The last ${
        count(rows.length)} of ${count(all)}.</p>`}
    </div>`}
  </details>`;
}

export function Endings({ model }) {
  if (!model.totals) return null;
  return html`
    <${Part} title="Ended" counts=${model.totals.ended} columns=${ENDED} rows=${model.ended}
      keyOf=${(row) => row.number} empty="No connection has ended."
      classOf=${(row) => (isOrderly(row.cause) ? "" : "look")}/>
    <${Part} title="Refused" counts=${model.totals.refused} columns=${REFUSED} rows=${model.refused}
      keyOf=${(row) => row.key} empty="Nobody was refused."/>`;
}
