// All that the page knows, made of the updates of the stream; each part bounded.

import { judge } from "./attention.js";
import { MessageList } from "./message-list.js";
import { Rate } from "./rates.js";
import { Samples } from "./samples.js";
import { setAhead } from "./words.js";

const MOST_ENDED = 200;
const MOST_REFUSED = 100;
const LATELY_SECONDS = 60;
/** A new stream that begins later after the one before leaves the time between unknown. */
const GAP_SECONDS = 5;

/** What the server tells, and when it told it. */
export class Model {
  run = null;
  totals = null;
  rows = new Map(); // by number
  ended = []; // the newest first
  refused = []; // the newest first
  rateIn = new Rate();
  rateOut = new Rate();
  rateMessages = new Rate();
  messages = new MessageList();
  detail = null;
  samples = null;
  addresses = [];
  #drops = null;
  #droppedAt = 0;
  #told = 0; // messages so far, of all or of the one connection
  #time = 0;
  #heardAt = 0;
  #stoppedAt = null;

  /** The server's time of day, as far as the last update tells; it stands still in a `stop`. */
  get now() {
    if (this.#stoppedAt !== null) return this.#stoppedAt;
    if (!this.#time) return Date.now() / 1000;
    return this.#time + Math.min(5, (performance.now() - this.#heardAt) / 1000);
  }

  /** Let time stand still until the next update: nothing is heard of the server. */
  stop() {
    this.#stoppedAt ??= this.#time || null;
  }

  /** Whether an accept queue has dropped somebody lately. */
  get areDropping() {
    return this.now - this.#droppedAt < LATELY_SECONDS;
  }

  /** Forget what belongs to one view, before a stream is opened for another. */
  look() {
    this.messages = new MessageList();
    this.detail = null;
    this.samples = null;
  }

  /** Take an update of the stream. */
  take(update) {
    if (update.run !== this.run) this.#begin(update.run);
    const before = this.#time;
    if (update.whole && update.time - before > GAP_SECONDS) this.#interrupt();
    this.#time = update.time;
    setAhead(update.ahead);
    this.#heardAt = performance.now();
    this.#stoppedAt = null;
    this.#takeRows(update, before);
    this.#takeTotals(update);
    this.#takeEnds(update);
    this.#takeMessages(update);
    if (update.detail) this.#takeDetail(update.detail);
    judge([...this.rows.values()], update.time);
  }

  /** Another run of the server: its numbers begin again. */
  #begin(run) {
    this.run = run;
    this.#time = 0;
    this.rows.clear();
    this.ended = [];
    this.refused = [];
    this.rateIn = new Rate();
    this.rateOut = new Rate();
    this.rateMessages = new Rate();
    this.#drops = null;
    this.look();
  }

  /** Nothing was heard for a while: how fast it grew then is not known. */
  #interrupt() {
    const rates = [this.rateIn, this.rateOut, this.rateMessages];
    for (const row of this.rows.values()) rates.push(row.rate, row.messageRate, row.outRate);
    rates.forEach((rate) => rate.interrupt());
  }

  #takeRows({ rows, gone, whole, time }, before) {
    if (whole) {
      const open = new Set(rows.map(([number]) => number));
      for (const number of this.rows.keys()) {
        if (!open.has(number)) this.rows.delete(number);
      }
    }
    for (const number of gone) this.rows.delete(number);
    for (const values of rows) {
      const row = this.rows.get(values[0]) ?? newRow(values, before);
      fill(row, values, time);
      this.rows.set(row.number, row);
    }
    // Those that are not in the update have not changed.
    for (const row of this.rows.values()) {
      row.rate.take(time, row.received);
      row.messageRate.take(time, row.messages);
      row.outRate.take(time, row.sent);
    }
  }

  #takeTotals({ totals, time }) {
    this.totals = totals;
    if (totals.addresses.length) this.addresses = totals.addresses;
    this.rateIn.take(time, totals.received_bytes);
    this.rateOut.take(time, totals.sent_bytes);
    this.rateMessages.take(time, totals.received_messages);
    const drops = totals.queues.reduce((all, [, , , each]) => all + (each ?? 0), 0);
    if (this.#drops !== null && drops > this.#drops) this.#droppedAt = time;
    this.#drops = drops;
  }

  #takeEnds({ ended, refused, whole }) {
    const before = whole ? { ended: [], refused: [] } : this;
    if (whole || ended.length) {
      this.ended = [...ended.map(endedRow).reverse(), ...before.ended]
        .slice(0, MOST_ENDED);
    }
    if (whole || refused.length) {
      this.refused = [...refused.map(refusedRow).reverse(), ...before.refused]
        .slice(0, MOST_REFUSED);
    }
  }

  #takeMessages({ messages, left_out, whole, totals, detail }) {
    const told = detail ? this.rows.get(detail.peer)?.messages ?? this.#told
      : totals.received_messages + totals.sent_messages;
    const isResumed = whole && this.messages.total > 0;
    const grown = isResumed ? told - this.#told : null;
    this.messages.take(messages, left_out, { grown, ofOne: Boolean(detail) });
    this.#told = told;
  }

  #takeDetail({ moved = [], seen = [], ...detail }) {
    const end = this.endOf(detail.peer);
    const began = (this.rows.get(detail.peer) ?? end)?.began;
    this.detail = detail;
    if (began === undefined) {
      this.samples = null; // There is no such connection yet, or no more.
      return;
    }
    if (this.samples?.began !== began) this.samples = new Samples(began);
    this.samples.take(moved, seen, end ? end.ended : this.#time, Boolean(end));
  }

  /** Return how a connection ended, or undefined. */
  endOf(number) {
    return this.ended.find((each) => each.number === number);
  }
}

/** Return an empty row; `before` is the time of the last update, or 0. */
function newRow([number, , began], before) {
  const row = {
    number, rate: new Rate(), messageRate: new Rate(), outRate: new Rate(),
    need: null, needAt: 0, lost: 0, lostAt: 0, retransmits: null,
  };
  if (before && began > before) { // All that it has counted came since then.
    for (const rate of [row.rate, row.messageRate, row.outRate]) rate.take(before, 0);
  }
  return row;
}

function fill(row, values, time) {
  const retransmits = values[12];
  if (row.retransmits !== null && retransmits > row.retransmits) {
    row.lost += retransmits - row.retransmits;
    row.lostAt = time;
  }
  [
    , row.peer, row.began, row.heard, row.state, row.kernelState, row.received,
    row.messages, row.sent, row.rtt, row.unread, row.waiting, row.retransmits,
    row.sendWindow, row.receiveWindow, row.leftOut,
  ] = values;
}

function endedRow(values) {
  const [number, peer, began, ended, cause, detail, ...counts] = values;
  const [received, messages, sent, unread, unsent] = counts;
  return {
    number, peer, began, ended, cause, detail,
    received, messages, sent, unread, unsent,
  };
}

let refusals = 0;

function refusedRow([time, peer, cause, detail, others]) {
  refusals += 1;
  return { key: refusals, time, peer, cause, detail, others };
}
