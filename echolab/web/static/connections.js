// The table of open connections.

import { needy } from "./attention.js";
import { harmless } from "./escaping.js";
import { Spark } from "./spark.js";
import { sorted, Table } from "./table.js";
import { Text } from "./text.js";
import { Component, html } from "./vendor/htm-preact.module.js";
import { clock, count, date, rate, several, short, size, span } from "./words.js";

const AT_FIRST = 100;

/** A number; nothing is dim, so that what is not nothing stands out. */
function amount(number, text) {
  return number ? text : html`<span class="zero">${text}</span>`;
}

/** Return the columns; `now` is the time that they show. */
function columnsAt(now) {
  return [
    { key: "number", label: "no.", title: "Number of the connection", isNumber: true,
      value: (row) => row.number, cell: (row) => row.number },
    { key: "peer", label: "peer", title: "Who is at the other end", isHead: true,
      value: (row) => row.peer,
      cell: (row, tabIndex) => html`<a href="#/${row.number}" id="to-${row.number}" tabindex=${tabIndex} title=${harmless(row.peer)}>
        <${Text} value=${row.peer}/></a>` },
    { key: "state", label: "state", title: "State of the connection",
      value: (row) => `${isNeedy(row) ? 0 : 1}${row.state}`,
      cell: (row) => html`${isNeedy(row) && html`<span class="sign" aria-hidden="true">▲ </span>`}${
        isNeedy(row) && row.need.kind === "floods" ? `floods (${row.state})` : row.state}` },
    { key: "since", label: "since", title: "When the connection began",
      value: (row) => row.began,
      cell: (row) => html`<span title=${date(row.began)}>${clock(row.began)}</span>` },
    { key: "silent", label: "silent for", title: "How long nothing has come from the peer",
      isNumber: true, isDownFirst: true,
      value: (row) => now - row.heard, cell: (row) => span(now - row.heard) },
    { key: "received", label: "in", title: "Bytes received", isNumber: true, isDownFirst: true,
      value: (row) => row.received, cell: (row) => amount(row.received, size(row.received)) },
    { key: "rate", label: "rate in", title: "Bytes received a second, and the last two minutes",
      isNumber: true, isDownFirst: true,
      value: (row) => row.rate.now,
      cell: (row) => html`${amount(row.rate.now, rate(row.rate.now))}<${Spark} rate=${row.rate} time=${now}/>` },
    { key: "messages", label: "messages", title: "Messages received", isNumber: true,
      isDownFirst: true, value: (row) => row.messages, cell: (row) => amount(row.messages, count(row.messages)) },
    { key: "sent", label: "out", title: "Bytes sent", isNumber: true, isDownFirst: true,
      value: (row) => row.sent, cell: (row) => amount(row.sent, size(row.sent)) },
    { key: "waiting", label: "waiting", title: "Bytes written to the peer that it has not acknowledged",
      isNumber: true, isDownFirst: true,
      value: (row) => row.waiting, cell: (row) => amount(row.waiting, size(row.waiting)) },
    { key: "unread", label: "unread", title: "Bytes that have arrived and are not read yet",
      isNumber: true, isDownFirst: true,
      value: (row) => row.unread, cell: (row) => amount(row.unread, size(row.unread)) },
    { key: "rtt", label: "round trip", title: "Round trip, as the kernel measures it",
      isNumber: true, isDownFirst: true,
      value: (row) => row.rtt, cell: (row) => short(row.rtt) },
  ];
}

/** Whether it needs a look now. */
function isNeedy(row) {
  return Boolean(row.need) && !row.need.isOver;
}

function matches(row, query) {
  const texts = [`#${row.number}`, harmless(row.peer), row.state, row.need?.text ?? ""];
  return query === String(row.number) ||
    texts.some((text) => text.toLowerCase().includes(query));
}

/** The table, with its search, filter and order. */
export class Connections extends Component {
  state = { query: "", order: { key: "number", isDown: false }, most: AT_FIRST };
  #held = null; // the numbers in the order that is held
  #isPointed = false;
  #isFocused = false;

  // Rows must not move under the pointer, nor under the focus.
  #hold = {
    onMouseEnter: () => { this.#isPointed = true; },
    onMouseLeave: () => { this.#isPointed = false; },
    // Preact knows these only in small letters.
    onfocusin: () => { this.#isFocused = true; },
    onfocusout: () => { this.#isFocused = false; },
  };

  #setOrder = (order) => {
    this.#held = null;
    this.setState({ order });
  };

  /** Return the rows in order; in the old one while somebody points at them. */
  #ordered(rows, columns) {
    const isHeld = this.#isPointed || this.#isFocused;
    if (!isHeld || !this.#held) {
      const ordered = sorted(rows, columns, this.state.order);
      this.#held = isHeld ? ordered.map((row) => row.number) : null;
      return ordered;
    }
    const left = new Map(rows.map((row) => [row.number, row]));
    const ordered = this.#held.map((number) => left.get(number)).filter(Boolean);
    ordered.forEach((row) => left.delete(row.number));
    const whole = [...ordered, ...left.values()];
    this.#held = whole.map((row) => row.number);
    return whole;
  }

  render({ model, isNeedyOnly, onNeedyOnly }, { query, order, most }) {
    const { now } = model;
    const columns = columnsAt(now);
    const all = [...model.rows.values()];
    const looks = needy(all);
    const searched = query.trim().toLowerCase();
    const rows = (isNeedyOnly ? looks : all).filter((row) => !searched || matches(row, searched));
    const ordered = this.#ordered(rows, columns);
    const visible = ordered.slice(0, most);
    const more = ordered.length - visible.length;
    return html`<section class="connections" aria-labelledby="connections-title">
      <div class="bar">
        <h2 id="connections-title">Connections</h2>
        <span class="soft" role="status">${rows.length === all.length
          ? count(all.length) : `${count(rows.length)} of ${count(all.length)}`}</span>
        <fieldset class="choice"><legend class="unseen">Which connections</legend>
          <label><input type="radio" name="which" checked=${!isNeedyOnly}
            onChange=${() => onNeedyOnly(false)}/><span>all</span></label>
          <label><input type="radio" name="which" checked=${isNeedyOnly}
            onChange=${() => onNeedyOnly(true)}/><span>needs a look (${count(looks.length)})</span></label>
        </fieldset>
        <label class="order">sort by <select value=${order.key}
          onChange=${(event) => this.#setOrder({
            key: event.target.value,
            isDown: Boolean(columns.find(({ key }) => key === event.target.value).isDownFirst),
          })}>${columns.map(({ key, label }) => html`<option value=${key}>${label}</option>`)}
        </select></label>
        <input type="search" id="search" class="search" placeholder="search: peer, number, state"
          aria-label="Search connections" aria-keyshortcuts="/" value=${query} autocomplete="off"
          spellcheck=${false}
          onInput=${(event) => this.setState({ query: event.target.value, most: AT_FIRST })}/>
      </div>
      <div class="scroll" id="table" role="region" tabindex="0" aria-labelledby="connections-title">
        <${Table} caption="Open connections" columns=${columns} rows=${visible} order=${order}
          onOrder=${this.#setOrder} keyOf=${(row) => row.number}
          classOf=${(row) => (isNeedy(row) ? "look" : "")} ...${this.#hold}/>
        ${model.totals && !rows.length && html`<p class="empty">${all.length
          ? "No connection matches." : "Nobody is connected."}</p>`}
        ${more > 0 && html`<p class="more">${several(more, "more", "more")}: search, sort, or
          <button type="button" onClick=${() => this.setState({ most: most + AT_FIRST })}>show ${
            Math.min(more, AT_FIRST)} more</button></p>`}
      </div>
    </section>`;
  }
}
