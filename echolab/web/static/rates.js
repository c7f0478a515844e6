// How fast a count grows: now, and in the last two minutes.

export const BIN_SECONDS = 2;
export const BINS = 60;
/** The rate is that of so many seconds, or a little more: updates are not that regular. */
const WINDOW_SECONDS = 2;
const LEAST_SECONDS = 1.9;

/** The growth of one count, which is taken at each update. Its memory is bounded. */
export class Rate {
  #bins = new Float32Array(BINS); // NaN where the growth is not known
  #firstBin = null;
  #lastBin = null;
  #times = []; // of the updates of the window, and of the last one before it
  #totals = [];

  /** The growth a second; null until there are updates of a whole window. */
  now = null;

  /** Take the count at the time of an update. */
  take(time, total) {
    const last = this.#times.length - 1;
    if (last < 0) this.#begin(time);
    else if (time <= this.#times[last]) return;
    else this.#share(this.#times[last], time, Math.max(0, total - this.#totals[last]));
    this.#times.push(time);
    this.#totals.push(total);
    while (this.#times[1] <= time - WINDOW_SECONDS) {
      this.#times.shift();
      this.#totals.shift();
    }
    const elapsed = time - this.#times[0];
    this.now = elapsed >= LEAST_SECONDS ? Math.max(0, total - this.#totals[0]) / elapsed : null;
  }

  /** Forget the count: there were no updates for a while. */
  interrupt() {
    this.#times = [];
    this.#totals = [];
    this.now = null;
  }

  /** Return the growth a second of each whole bin since the first, the newest last.
   *
   * It is null where it is not known.
   */
  line(time) {
    if (this.#firstBin === null) return [];
    const last = Math.floor(time / BIN_SECONDS);
    const from = Math.max(this.#firstBin + 1, last - BINS + 1);
    const line = [];
    for (let bin = from; bin < last; bin += 1) {
      const grown = bin <= this.#lastBin ? this.#bins[bin % BINS] : 0;
      line.push(Number.isNaN(grown) ? null : grown / BIN_SECONDS);
    }
    return line;
  }

  /** Begin, or go on after an interruption: what grew before it is not known. */
  #begin(time) {
    const bin = Math.floor(time / BIN_SECONDS);
    if (this.#lastBin !== null) this.#bins[this.#lastBin % BINS] = NaN;
    this.#advance(bin, NaN);
    this.#bins[bin % BINS] = NaN;
    this.#firstBin ??= bin;
  }

  /** Share what has grown among the bins of its time. */
  #share(start, end, grown) {
    this.#advance(Math.floor(end / BIN_SECONDS), 0);
    const from = Math.max(Math.floor(start / BIN_SECONDS), this.#lastBin - BINS + 1);
    for (let bin = from; bin <= this.#lastBin; bin += 1) {
      const seconds = Math.min(end, (bin + 1) * BIN_SECONDS) - Math.max(start, bin * BIN_SECONDS);
      this.#bins[bin % BINS] += grown * seconds / (end - start);
    }
  }

  /** Go on to a bin; those on the way get a value. */
  #advance(bin, value) {
    const from = Math.max(this.#lastBin === null ? bin : this.#lastBin + 1, bin - BINS + 1);
    for (let each = from; each <= bin; each += 1) this.#bins[each % BINS] = value;
    this.#lastBin = bin;
  }
}
