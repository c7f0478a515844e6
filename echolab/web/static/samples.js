// How one connection has gone over time, as columns for charts.
//
// Bytes are counted in bins of a fixed width: a second, and for long connections also in
// wider ones. What the kernel said is so until it said something else.

const MOST_BINS = 2000;
const MOST_WIDTH = 4096; // seconds: enough for three months
const MOST_SEEN = 4000;
/** A step at which a line ends: it must not be where the next value is. */
const STEP = 0.0005;

/** Bins of one width; they begin when the connection did. The oldest are forgotten. */
class Bins {
  #received = new Float64Array(MOST_BINS);
  #sent = new Float64Array(MOST_BINS);
  #isKnown = new Uint8Array(MOST_BINS);
  #last = -1;

  constructor(width) {
    this.width = width;
  }

  /** Count bytes that came between two times; `isKnown` says that this was seen. */
  add(since, time, received, sent, isKnown) {
    this.#advance(Math.floor(time / this.width));
    const first = Math.max(Math.floor(since / this.width), this.#last - MOST_BINS + 1, 0);
    for (let bin = first; bin <= this.#last; bin += 1) {
      const seconds = Math.min(time, (bin + 1) * this.width) - Math.max(since, bin * this.width);
      const share = time > since ? seconds / (time - since) : 1;
      const at = bin % MOST_BINS;
      this.#received[at] += received * share;
      this.#sent[at] += sent * share;
      if (!isKnown && (seconds > 0 || time === since)) this.#isKnown[at] = 0;
    }
  }

  #advance(bin) {
    for (let each = Math.max(this.#last + 1, bin - MOST_BINS + 1); each <= bin; each += 1) {
      const at = each % MOST_BINS;
      this.#received[at] = this.#sent[at] = 0;
      this.#isKnown[at] = 1;
    }
    this.#last = Math.max(this.#last, bin);
  }

  /** Return columns: the bins' beginnings, bytes in and out a second; null in gaps.
   *
   * The last bin is in it only if it is whole, or `isOver`: nothing more comes.
   */
  columns(until, isOver) {
    const [times, received, sent] = [[], [], []];
    const put = (time, one, other) => {
      times.push(time);
      received.push(one);
      sent.push(other);
    };
    const first = Math.max(0, this.#last - MOST_BINS + 1);
    let end = null; // of the line so far
    for (let bin = first; bin <= this.#last; bin += 1) {
      const at = bin % MOST_BINS;
      const start = bin * this.width;
      const isWhole = start + this.width <= until;
      if (this.#isKnown[at] && (isWhole || isOver)) {
        put(start, this.#received[at] / this.width, this.#sent[at] / this.width);
        end = Math.max(start + STEP, Math.min(start + this.width, until));
      }
      if (end !== null && (!this.#isKnown[at] || bin === this.#last)) {
        put(end - STEP / 2, received.at(-1), sent.at(-1));
        if (bin < this.#last) put(end, null, null);
        end = null;
      }
    }
    return [times, received, sent];
  }
}

/** The course of one connection; times are the server's, columns count from `began`. */
export class Samples {
  began = 0;
  version = 0;
  until = 0; // in seconds since it began
  isOver = false;
  #levels = [new Bins(1)];
  #time = 0;
  #received = 0;
  #sent = 0;
  #seen = []; // [time, unread, waiting, rtt]; all null where a gap begins

  constructor(began) {
    this.began = began;
    for (let width = 2; width <= MOST_WIDTH; width *= 2) this.#levels.push(new Bins(width));
  }

  /** Take what the stream has; `time` is now, or the end of the connection. */
  take(moved, seen, time, isOver = false) {
    for (const each of moved) this.#move(...each);
    for (const [at, ...values] of seen) {
      const last = this.#seen.at(-1);
      if (!last || at - this.began > last[0]) this.#seen.push([at - this.began, ...values]);
    }
    if (this.#seen.length > MOST_SEEN) this.#thin();
    const until = Math.max(this.until, time - this.began);
    if (moved.length || seen.length || until !== this.until || isOver !== this.isOver) this.version += 1;
    this.until = until;
    this.isOver = isOver;
    if (isOver && until > this.#time) this.#add(this.#time, until, 0, 0, true);
  }

  #move(since, time, received, sent, isKnown) {
    const end = Math.max(0, time - this.began);
    if (end < this.#time || (end === this.#time && !isKnown)) return; // it is known better
    const from = Math.min(end, Math.max(this.#time, since - this.began));
    this.#add(from, end, Math.max(0, received - this.#received), Math.max(0, sent - this.#sent), isKnown);
    this.#received = Math.max(received, this.#received);
    this.#sent = Math.max(sent, this.#sent);
  }

  #add(...span) {
    for (const level of this.#levels) level.add(...span);
    [, this.#time] = span;
  }

  #thin() {
    const half = MOST_SEEN / 2;
    this.#seen = this.#seen.filter(([, , waiting], at) => at % 2 === 0 || at >= half || waiting === null)
      .slice(-MOST_SEEN);
  }

  /** Return the width of the bins for the last so many seconds; for all if it is 0. */
  widthFor(span) {
    const seconds = span ? Math.min(span, this.until) : this.until;
    return (this.#levels.find(({ width }) => seconds < width * (MOST_BINS - 1)) ?? this.#levels.at(-1)).width;
  }

  /** Return columns of bytes a second: times, in, out. */
  rates(span) {
    const width = this.widthFor(span);
    return this.#levels.find((each) => each.width === width).columns(this.until, this.isOver);
  }

  /** Return columns of what the kernel said: times, unread, waiting, round trip. */
  kernel() {
    const columns = [[], [], [], []];
    const put = (values) => columns.forEach((column, at) => column.push(values[at]));
    let last = null;
    for (const each of this.#seen) {
      if (each[2] !== null) put(each);
      else if (last && last[2] !== null) {
        put([Math.max(each[0], last[0] + STEP), ...last.slice(1)]);
        put([Math.max(each[0], last[0] + STEP) + STEP, null, null, null]);
      }
      last = each;
    }
    if (last && last[2] !== null && this.until > last[0]) put([this.until, ...last.slice(1)]);
    return columns;
  }
}
