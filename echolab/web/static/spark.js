// The line of a rate over the last two minutes.

import { BIN_SECONDS, BINS } from "./rates.js";
import { Component, html } from "./vendor/htm-preact.module.js";

const calm = matchMedia("(prefers-reduced-motion: reduce)");
const WIDTH = 100;
const STEP = WIDTH / (BINS - 3);

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
    const points = line.map((each, at) => (
      `${(left + at * STEP).toFixed(1)},${(height - 1 - (each / top) * (height - 2)).toFixed(1)}`
    )).join(" ");
    return html`<svg class="spark ${kind}" viewBox="0 0 ${WIDTH} ${height}" height=${height}
      preserveAspectRatio="none" aria-hidden="true" focusable="false">
      <polygon points="${left.toFixed(1)},${height} ${points} ${(WIDTH + STEP).toFixed(1)},${height}"/>
      <polyline points=${points}/>
    </svg>`;
  }
}
