// What the kernel says of one connection, on one time axis: three charts of uPlot.

import { recall, remember } from "./remembered.js";
import { Component, html } from "./vendor/htm-preact.module.js";
import { rate, short, size } from "./words.js";

const { uPlot } = window;

/** Marks of bytes stand at powers of two. */
const POWERS = Array.from({ length: 50 }, (_, power) => 2 ** power);

/** The series, by chart; `at` is the column in what `source` returns of `Samples`. */
const CHARTS = [
  { key: "rates", source: "rates", show: rate, incrs: POWERS, series: [
    { key: "rateIn", at: 1, label: "rate in", color: "--in" },
    { key: "rateOut", at: 2, label: "rate out", color: "--out", dash: [6, 3] },
  ] },
  { key: "queues", source: "kernel", show: size, incrs: POWERS, series: [
    { key: "unread", at: 1, label: "unread", color: "--unread" },
    { key: "waiting", at: 2, label: "waiting", color: "--waiting", dash: [6, 3] },
  ] },
  { key: "times", source: "kernel", show: short, series: [
    { key: "rtt", at: 3, label: "round trip", color: "--rtt" },
  ] },
];
const NOTHING = { rates: [[], [], []], kernel: [[], [], [], []], until: 0, width: 1 };
const SPANS = [[60, "1 min"], [600, "10 min"], [0, "all"]];
const HEIGHT = 112;
const AXIS = 80;
const FONT = "11px ui-monospace, Menlo, Consolas, 'DejaVu Sans Mono', monospace";
const dark = matchMedia("(prefers-color-scheme: dark)");

function color(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

/** Return what a series was at a time: what was last seen until then. */
function valueAt(times, values, time) {
  let [low, high] = [0, times.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (times[middle] <= time) low = middle + 1;
    else high = middle;
  }
  return values[low - 1] ?? null;
}

function options({ series, show, incrs }, { width, isLast, spanOf, onCursor, onZoom }) {
  const line = { stroke: () => color("--line"), width: 1 };
  const axis = { stroke: () => color("--soft"), grid: line, ticks: { ...line, size: 4 }, font: FONT };
  const onSeconds = (_, marks) => marks.map((each) => (isLast ? `${each} s` : ""));
  const onValues = (_, marks) => marks.map((each) => show(each).replace(".0 ", " "));
  return {
    width, height: isLast ? HEIGHT + 18 : HEIGHT,
    legend: { show: false },
    cursor: {
      sync: { key: "connection" }, y: false, points: { size: 5 },
      bind: { dblclick: (_, __, handle) => (event) => { onZoom(false); handle(event); } },
    },
    scales: {
      x: { time: false, range: (_, least, most) => spanOf(least, most) },
      y: { range: (_, _least, most) => [0, most > 0 ? most * 1.05 : 1] },
    },
    axes: [
      { ...axis, size: isLast ? 32 : 14, values: onSeconds },
      { ...axis, incrs, size: AXIS, space: 28, values: onValues },
    ],
    series: [{}, ...series.map(({ label, color: name, dash }) => ({
      label, stroke: () => color(name), width: 1.5, dash,
      paths: uPlot.paths.stepped({ align: 1 }),
      points: { show: (plot) => plot.data[0].length < 3 },
    }))],
    hooks: {
      setCursor: [(plot) => {
        const { left } = plot.cursor;
        onCursor(left >= 0 ? plot.posToVal(left, "x") : null);
      }],
      setSelect: [(plot) => { if (plot.select.width > 0) onZoom(true); }],
    },
  };
}

/** The charts of one connection, and the choice of their series. */
export class Chart extends Component {
  state = { hidden: new Set(), span: recall("span", SPANS.map(([span]) => span), 600), at: null };
  #places = new Map();
  #plots = new Map();
  #shown = NOTHING;
  #version = -1;
  #watcher = null;
  #isZoomed = false; // the reader has dragged over a part
  #recolor = () => this.#plots.forEach((plot) => plot.redraw(false, true));

  componentDidMount() {
    dark.addEventListener("change", this.#recolor);
    this.#watcher = new ResizeObserver(() => this.#fit());
    this.#draw(true);
  }

  componentDidUpdate(_, before) {
    this.#draw(before.span !== this.state.span);
  }

  componentWillUnmount() {
    dark.removeEventListener("change", this.#recolor);
    this.#watcher.disconnect();
    this.#plots.forEach((plot) => plot.destroy());
  }

  #isShown({ series }) {
    return series.some(({ key }) => !this.state.hidden.has(key));
  }

  #fit() {
    for (const [key, plot] of this.#plots) {
      const width = this.#places.get(key)?.clientWidth;
      if (width && width !== plot.width) plot.setSize({ width, height: plot.height });
    }
  }

  /** Make the charts that are chosen, and give them what is new. */
  #draw(isChanged) {
    const { samples, isHeld } = this.props;
    const isNew = samples && samples.version !== this.#version && !isHeld;
    if (isNew || (samples && isChanged && !isHeld)) {
      const { span } = this.state;
      this.#shown = {
        rates: samples.rates(span), kernel: samples.kernel(),
        until: samples.until, width: samples.widthFor(span),
      };
      this.#version = samples.version;
    }
    const last = CHARTS.findLast((chart) => this.#isShown(chart));
    for (const chart of CHARTS) this.#drawOne(chart, chart === last, isNew || isChanged);
  }

  #drawOne(chart, isLast, isNew) {
    const { key, source, series } = chart;
    let plot = this.#plots.get(key);
    if (plot && (!this.#isShown(chart) || plot.isLast !== isLast)) {
      plot.destroy();
      this.#plots.delete(key);
      plot = null;
    }
    if (!this.#isShown(chart)) return;
    const columns = this.#shown[source];
    const data = [columns[0], ...series.map(({ at }) => columns[at])];
    if (!plot) {
      const place = this.#places.get(key);
      plot = new uPlot(options(chart, {
        width: place.clientWidth || 300, isLast, spanOf: this.#spanOf, onCursor: this.#pointed,
        onZoom: (isZoomed) => { this.#isZoomed = isZoomed; },
      }), data, place);
      plot.isLast = isLast;
      this.#plots.set(key, plot);
      this.#watcher.observe(place);
    } else if (isNew) {
      plot.setData(data, !this.#isZoomed);
    }
    series.forEach(({ key: name }, at) => {
      const show = !this.state.hidden.has(name);
      if (plot.series[at + 1].show !== show) plot.setSeries(at + 1, { show });
    });
  }

  /** Return the seconds to show; `least` and `most` are those that were dragged over. */
  #spanOf = (least, most) => {
    if (this.#isZoomed && least < most) return [least, most];
    const { span } = this.state;
    const until = Math.max(1, this.#shown.until);
    return [span ? Math.max(0, until - span) : 0, until];
  };

  #pointed = (at) => {
    if (at !== this.state.at) this.setState({ at });
  };

  #show(span) {
    this.#isZoomed = false;
    remember("span", span);
    this.setState({ span });
  }

  #turn(key) {
    const hidden = new Set(this.state.hidden);
    if (!hidden.delete(key)) hidden.add(key);
    this.setState({ hidden });
  }

  render(_, { hidden, span, at }) {
    const shown = this.#shown;
    const time = at ?? shown.until;
    const valueOf = ({ source }, { at: column }) => valueAt(shown[source][0], shown[source][column], time);
    return html`<div class="chart">
      <div class="bar">
        <fieldset class="series"><legend class="unseen">Series</legend>
          ${CHARTS.flatMap((chart) => chart.series.map((one) => html`
            <label key=${one.key} class="s-${one.key}"><input type="checkbox" checked=${!hidden.has(one.key)}
              onChange=${() => this.#turn(one.key)}/><span class="swatch" aria-hidden="true"></span>
              ${one.label} <output>${chart.show(valueOf(chart, one))}</output></label>`))}
        </fieldset>
        <span class="soft" title="Rates are those of each span of ${shown.width} s">at ${
          time.toFixed(1)} s</span>
        <fieldset class="choice"><legend class="unseen">Time</legend>
          ${SPANS.map(([key, label]) => html`<label key=${key}>
            <input type="radio" name="span" checked=${span === key}
              onChange=${() => this.#show(key)}/><span>${label}</span></label>`)}
        </fieldset>
      </div>
      ${CHARTS.map(({ key, series }) => html`<div key=${key} class="plot" role="img"
        aria-label="Chart: ${series.map(({ label }) => label).join(", ")}; the values are above"
        ref=${(each) => { if (each) this.#places.set(key, each); }}></div>`)}
    </div>`;
  }
}
