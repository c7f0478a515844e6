// How fast a count grows: now, and in the last two minutes.

export const BIN_SECONDS = 2;
export const BINS = 60;
const FADE_SECONDS = 2;

/** The growth of one count. Its memory is fixed: one number a bin. */
export class Rate {
  #bins = new Float32Array(BINS);
  #lastBin = null;
  #time = null;
  #firstBin = null;
  #total = 0;
  #now = 0;

  /** Take the count at a time. */
  take(time, total) {
    if (this.#time !== null && time > this.#time && total >= this.#total) {
      const grown = total - this.#total;
      const elapsed = time - this.#time;
      const weight = 1 - Math.exp(-elapsed / FADE_SECONDS);
      this.#now += (grown / elapsed - this.#now) * weight;
      this.#spread(this.#time, time, grown / elapsed);
    }
    this.#advance(time);
    this.#firstBin ??= this.#lastBin;
    this.#time = time;
    this.#total = total;
  }

  /** Return the growth a second; it fades while nothing is taken. */
  at(time) {
    if (this.#time === null) return 0;
    const silent = Math.max(0, time - this.#time);
    const fading = this.#now * Math.exp(-silent / FADE_SECONDS);
    return fading < 0.5 ? 0 : fading;
  }

  /** Return the growth a second of each whole bin since the first, the newest last. */
  line(time) {
    this.#advance(time);
    const from = Math.max(this.#firstBin + 1, this.#lastBin - BINS + 1);
    const line = [];
    for (let bin = from; bin < this.#lastBin; bin += 1) {
      line.push(this.#bins[mod(bin)] / BIN_SECONDS);
    }
    return line;
  }

  /** Share what has grown among the bins of its time. */
  #spread(start, end, perSecond) {
    this.#advance(end);
    let at = Math.max(start, end - BIN_SECONDS * (BINS - 1));
    while (at < end) {
      const bin = Math.floor(at / BIN_SECONDS);
      const next = Math.min(end, (bin + 1) * BIN_SECONDS);
      this.#bins[mod(bin)] += perSecond * (next - at);
      if (next <= at) break;
      at = next;
    }
  }

  #advance(time) {
    const bin = Math.floor(time / BIN_SECONDS);
    if (this.#lastBin === null || bin - this.#lastBin >= BINS) {
      this.#bins.fill(0);
    } else {
      for (let each = this.#lastBin + 1; each <= bin; each += 1) {
        this.#bins[mod(each)] = 0;
      }
    }
    this.#lastBin = Math.max(this.#lastBin ?? bin, bin);
  }
}

function mod(bin) {
  return ((bin % BINS) + BINS) % BINS;
}
