// What the kernel said of one connection over time, as columns for a chart.

const MOST = 4000;
/** A rate is taken over at least so many seconds, or one read makes a spike. */
const LEAST_SPAN = 0.4;
/** If so long nothing was seen, though bytes went, the time between is not known. */
const GAP_SECONDS = 5;

export const NAMES = ["rateIn", "rateOut", "unread", "waiting", "rtt"];

/** The samples of one connection, at most 4,000: when full, old ones are thinned. */
export class Samples {
  #raw = []; // [time, received, sent, unread, waiting, rtt]
  began = 0;
  version = 0;

  constructor(began) {
    this.began = began;
  }

  get length() {
    return this.#raw.length;
  }

  /** Take samples as the stream has them. */
  take(samples) {
    for (const sample of samples) {
      const last = this.#raw.at(-1);
      if (!last || sample[0] > last[0]) this.#raw.push(sample.slice(0, 6));
    }
    if (this.#raw.length > MOST) this.#thin();
    if (samples.length) this.version += 1;
  }

  #thin() {
    const half = MOST / 2;
    this.#raw = this.#raw.filter((_, at) => at % 2 === 0 || at >= half);
    if (this.#raw.length > MOST) this.#raw = this.#raw.slice(-MOST);
  }

  /** Return columns: seconds since the connection began, then each of `NAMES`. */
  columns() {
    const columns = [[], ...NAMES.map(() => [])];
    let base = 0;
    this.#raw.forEach((sample, at) => {
      while (base + 1 < at && sample[0] - this.#raw[base + 1][0] >= LEAST_SPAN) {
        base += 1;
      }
      const from = this.#raw[base];
      if (at && hasGap(this.#raw[at - 1], sample)) {
        columns[0].push(this.#raw[at - 1][0] - this.began + 0.001);
        // null breaks a line; undefined does not.
        [undefined, undefined, null, null, null].forEach((each, nth) => columns[nth + 1].push(each));
      }
      const elapsed = sample[0] - from[0];
      columns[0].push(sample[0] - this.began);
      columns[1].push(elapsed > 0 ? (sample[1] - from[1]) / elapsed : null);
      columns[2].push(elapsed > 0 ? (sample[2] - from[2]) / elapsed : null);
      columns[3].push(sample[3]);
      columns[4].push(sample[4]);
      columns[5].push(sample[5]);
    });
    return columns;
  }
}

function hasGap(before, after) {
  return after[0] - before[0] > GAP_SECONDS &&
    (after[1] !== before[1] || after[2] !== before[2]);
}
