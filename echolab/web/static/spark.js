// The line of a rate over the last two minutes.

import { BIN_SECONDS, BINS } from "./rates.js";
import { Component, html } from "./vendor/htm-preact.module.js";

const calm = matchMedia("(prefers-reduced-motion: reduce)");
const WIDTH = 100;
const STEP = WIDTH / (BINS - 3);

/** Return the stretches of a line that are known: lists of `[at, value]`. */
function stretches(line) {
  const found = [];
  line.forEach((value, at) => {
    if (value === null) return;
    if (!at || line[at - 1] === null) found.push([]);
    found.at(-1).push([at, value]);
  });
  return found;
}

/** A small line; its height is the largest rate in it. What is not known is not drawn.
 *
 * It moves when a bin is full; with `isSmooth`, whenever it is drawn.
 */
export class Spark extends Component {
  #bin(time) {
    return Math.floor(time / BIN_SECONDS);
  }

  shouldComponentUpdate({ rate, time, isSmooth }) {
    return rate !== this.props.rate || this.#bin(time) !== this.#bin(this.props.time) ||
      (isSmooth && !calm.matches);
  }

  render({ rate, time, height = 18, kind = "in", isSmooth }) {
    const line = rate.line(time);
    const top = Math.max(1, ...line);
    const shift = isSmooth && !calm.matches ? time / BIN_SECONDS - this.#bin(time) : 0;
    const left = WIDTH - (line.length - 2 + shift) * STEP;
    const x = (at) => (left + at * STEP).toFixed(1);
    const y = (value) => (height - 1 - (value / top) * (height - 2)).toFixed(1);
    return html`<svg class="spark ${kind}" viewBox="0 0 ${WIDTH} ${height}" height=${height}
      preserveAspectRatio="none" aria-hidden="true" focusable="false">${stretches(line).map((each) => {
        const points = each.map(([at, value]) => `${x(at)},${y(value)}`).join(" ");
        const [start, end] = [each[0][0], each.at(-1)[0]];
        return html`<polygon points="${x(start)},${height} ${points} ${x(end)},${height}"/>
          <polyline points=${points}/>`;
      })}</svg>`;
  }
}
