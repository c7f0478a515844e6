// All that the page knows, made of the updates of the stream; each part bounded.

import { judge } from "./attention.js";
import { MessageList } from "./message-list.js";
import { Rate } from "./rates.js";
import { Samples } from "./samples.js";
import { setAhead } from "./words.js";

const MOST_ENDED = 200;
const MOST_REFUSED = 100;
const LATELY_SECONDS = 60;

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
  #drops = null;
  #droppedAt = 0;
  #time = 0;
  #heardAt = 0;

  /** The server's time of day, as far as the last update tells. */
  get now() {
    if (!this.#time) return Date.now() / 1000;
    return this.#time + Math.min(5, (performance.now() - this.#heardAt) / 1000);
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
    this.#time = update.time;
    setAhead(update.ahead);
    this.#heardAt = performance.now();
    this.#takeRows(update);
    this.#takeTotals(update);
    this.#takeEnds(update);
    this.messages.take(update.messages, update.left_out);
    if (update.detail) this.#takeDetail(update.detail);
    judge([...this.rows.values()], update.time);
  }

  /** Another run of the server: its numbers begin again. */
  #begin(run) {
    this.run = run;
    this.rows.clear();
    this.ended = [];
    this.refused = [];
    this.rateIn = new Rate();
    this.rateOut = new Rate();
    this.rateMessages = new Rate();
    this.#drops = null;
    this.look();
  }

  #takeRows({ rows, gone, whole, time }) {
    if (whole) {
      const open = new Set(rows.map(([number]) => number));
      for (const number of this.rows.keys()) {
        if (!open.has(number)) this.rows.delete(number);
      }
    }
    for (const number of gone) this.rows.delete(number);
    for (const values of rows) {
      const row = this.rows.get(values[0]) ?? newRow(values);
      fill(row, values, time);
      this.rows.set(row.number, row);
    }
  }

  #takeTotals({ totals, time }) {
    this.totals = totals;
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

  #takeDetail(detail) {
    const began = this.rows.get(detail.peer)?.began ?? this.endOf(detail.peer)?.began;
    this.samples ??= new Samples(began ?? detail.samples?.[0]?.[0] ?? this.#time);
    this.samples.take(detail.samples ?? []);
    this.detail = { ...detail, samples: null };
  }

  /** Return how a connection ended, or undefined. */
  endOf(number) {
    return this.ended.find((each) => each.number === number);
  }
}

function newRow([number]) {
  return {
    number, rate: new Rate(), messageRate: new Rate(), outRate: new Rate(),
    need: null, needAt: 0, lost: 0, lostAt: 0, retransmits: null,
  };
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
  row.rate.take(time, row.received);
  row.messageRate.take(time, row.messages);
  row.outRate.take(time, row.sent);
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
