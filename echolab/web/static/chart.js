// What the kernel says of one connection, on one time axis: three charts of uPlot.

import { Component, html } from "./vendor/htm-preact.module.js";
import { rate, short, size } from "./words.js";

const { uPlot } = window;

/** Marks of bytes stand at powers of two. */
const POWERS = Array.from({ length: 50 }, (_, power) => 2 ** power);

/** The series, by chart; `at` is the column in `Samples.columns()`. */
const CHARTS = [
  { key: "rates", show: rate, incrs: POWERS, series: [
    { key: "rateIn", at: 1, label: "rate in", color: "--in", isRate: true },
    { key: "rateOut", at: 2, label: "rate out", color: "--out", isRate: true, dash: [6, 3] },
  ] },
  { key: "queues", show: size, incrs: POWERS, series: [
    { key: "unread", at: 3, label: "unread", color: "--unread" },
    { key: "waiting", at: 4, label: "waiting", color: "--waiting", dash: [6, 3] },
  ] },
  { key: "times", show: short, series: [
    { key: "rtt", at: 5, label: "round trip", color: "--rtt" },
  ] },
];
const SPANS = [[60, "1 min"], [600, "10 min"], [0, "all"]];
const HEIGHT = 112;
const AXIS = 80;
const FONT = "11px ui-monospace, Menlo, Consolas, 'DejaVu Sans Mono', monospace";
const dark = matchMedia("(prefers-color-scheme: dark)");

function color(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
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
    series: [{}, ...series.map(({ label, color: name, isRate, dash }) => ({
      label, stroke: () => color(name), width: 1.5, dash,
      // A rate is that of the time before; all else stays until it is seen again.
      paths: uPlot.paths.stepped({ align: isRate ? -1 : 1 }),
      points: { show: (plot) => plot.data[0].length < 3 },
    }))],
    hooks: {
      setCursor: [(plot) => onCursor(plot.cursor.idx)],
      setSelect: [(plot) => { if (plot.select.width > 0) onZoom(true); }],
    },
  };
}

/** The charts of one connection, and the choice of their series. */
export class Chart extends Component {
  state = { hidden: new Set(), span: 600, at: null };
  #places = new Map();
  #plots = new Map();
  #columns = null;
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
    if (isNew || !this.#columns) {
      this.#columns = samples ? samples.columns() : [[], [], [], [], [], []];
      this.#version = samples?.version ?? -1;
    }
    const last = CHARTS.findLast((chart) => this.#isShown(chart));
    for (const chart of CHARTS) this.#drawOne(chart, chart === last, isNew || isChanged);
  }

  #drawOne(chart, isLast, isNew) {
    const { key, series } = chart;
    let plot = this.#plots.get(key);
    if (plot && (!this.#isShown(chart) || plot.isLast !== isLast)) {
      plot.destroy();
      this.#plots.delete(key);
      plot = null;
    }
    if (!this.#isShown(chart)) return;
    const data = [this.#columns[0], ...series.map(({ at }) => this.#columns[at])];
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

  #spanOf = (least, most) => {
    const { span } = this.state;
    if (least == null || most == null) return [0, 1];
    const from = span && !this.#isZoomed ? Math.max(least, most - span) : least;
    return from < most ? [from, most] : [most - 1, most + 1];
  };

  #pointed = (at) => {
    if (at !== this.state.at) this.setState({ at: at ?? null });
  };

  #show(span) {
    this.#isZoomed = false;
    this.setState({ span });
  }

  #turn(key) {
    const hidden = new Set(this.state.hidden);
    if (!hidden.delete(key)) hidden.add(key);
    this.setState({ hidden });
  }

  render(_, { hidden, span, at }) {
    const columns = this.#columns;
    const index = at ?? (columns ? columns[0].length - 1 : -1);
    const time = columns?.[0][index];
    return html`<div class="chart">
      <div class="bar">
        <fieldset class="series"><legend class="unseen">Series</legend>
          ${CHARTS.flatMap(({ show, series }) => series.map(({ key, at: column, label }) => html`
            <label key=${key} class="s-${key}"><input type="checkbox" checked=${!hidden.has(key)}
              onChange=${() => this.#turn(key)}/><span class="swatch" aria-hidden="true"></span>
              ${label} <output>${show(columns?.[column][index] ?? null)}</output></label>`))}
        </fieldset>
        <span class="soft">${time == null ? "" : `at ${time.toFixed(1)} s`}</span>
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
