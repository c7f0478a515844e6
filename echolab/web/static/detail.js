// One connection: facts, chart, figure, messages.

import { Chart } from "./chart.js";
import { Figure } from "./figure.js";
import { Messages } from "./messages.js";
import { recall, remember } from "./remembered.js";
import { Text } from "./text.js";
import { Component, html } from "./vendor/htm-preact.module.js";
import { cause, clock, count, date, isOrderly, rate, several, short, size, span } from "./words.js";

const KINDS = { both: "calls and packets", calls: "calls", packets: "packets" };

const NOT_KEPT = "It was too busy to be followed closely. These events are counted, but " +
  "are not in its figure, its chart from before, and its downloads";

function Fact({ label, title, children }) {
  return html`<div class="fact" title=${title}><dt>${label}</dt><dd>${children}</dd></div>`;
}

function OpenFacts({ row, now }) {
  return html`
    ${row.need && html`<p class="why ${row.need.isOver ? "" : "look"}">
      <span class="sign" aria-hidden="true">${row.need.isOver ? "✓" : "▲"}</span> ${row.need.text}</p>`}
    <dl class="facts">
      <${Fact} label="state">${row.state}${
        row.kernelState && html` <span class="soft">${row.kernelState}</span>`}<//>
      <${Fact} label="since"><span title=${date(row.began)}>${clock(row.began)}</span>${" "}
        <span class="soft">${span(now - row.began)}</span><//>
      <${Fact} label="silent for">${span(now - row.heard)}<//>
      <${Fact} label="in">${size(row.received)} <span class="soft">${rate(row.rate.now)}</span><//>
      <${Fact} label="messages">${count(row.messages)}<//>
      <${Fact} label="out">${size(row.sent)} <span class="soft">${rate(row.outRate.now)}</span><//>
      <${Fact} label="not acknowledged">${size(row.waiting)}<//>
      <${Fact} label="unread">${size(row.unread)}<//>
      <${Fact} label="round trip">${short(row.rtt)}<//>
      <${Fact} label="peer's window">${size(row.sendWindow)}<//>
      <${Fact} label="own window">${size(row.receiveWindow)}<//>
      <${Fact} label="sent again">${count(row.retransmits)}<//>
      ${row.leftOut > 0 && html`<${Fact} label="not kept" title=${NOT_KEPT}>${several(row.leftOut, "event")}<//>`}
    </dl>`;
}

function EndedFacts({ row }) {
  return html`
    <p class="why ${isOrderly(row.cause) ? "" : "look"}"><b>It ended</b> at <span title=${date(row.ended)}>${
      clock(row.ended)}</span>: <span title=${row.cause}>${cause(row.cause)}</span>${row.detail && html` (<${Text} value=${row.detail}/>)`}.</p>
    <dl class="facts">
      <${Fact} label="since"><span title=${date(row.began)}>${clock(row.began)}</span><//>
      <${Fact} label="lasted">${span(row.ended - row.began)}<//>
      <${Fact} label="in">${size(row.received)}<//>
      <${Fact} label="messages">${count(row.messages)}<//>
      <${Fact} label="out">${size(row.sent)}<//>
      <${Fact} label="unread">${size(row.unread)}<//>
      <${Fact} label="unsent">${size(row.unsent)}<//>
    </dl>`;
}

/** The view of one connection; `number` is in the address, so a reload stays here. */
export class Detail extends Component {
  state = { isHeld: false, kind: recall("kind", Object.keys(KINDS), "both") };
  #title = null;

  componentDidMount() {
    this.#title?.focus({ preventScroll: true });
  }

  #choose(kind) {
    remember("kind", kind);
    this.setState({ kind });
  }

  render({ model, number }, { isHeld, kind }) {
    const { detail, now } = model;
    const row = model.rows.get(number);
    const end = model.endOf(number);
    const isKnown = Boolean(row || end) || Boolean(detail && !detail.unknown);
    return html`<section class="detail" aria-labelledby="detail-title">
      <div class="bar">
        <a class="back" href="#/">‹ all connections</a>
        <h2 id="detail-title" tabindex="-1" ref=${(each) => { this.#title = each; }}>Connection ${number}${
          (row ?? end) && html` <code><${Text} value=${(row ?? end).peer}/></code>`}</h2>
        ${isKnown && html`
          ${!row && html`<span class="gone">gone</span>`}
          <button type="button" class="hold" aria-pressed=${isHeld}
            onClick=${() => this.setState({ isHeld: !isHeld })}>${isHeld ? "go on" : "hold"}</button>
          <span class="soft">${isHeld ? "held" : row ? "live" : ""}</span>
          <span class="downloads"><a href="/connections/${number}.jsonl" download>recording</a>
            <a href="/connections/${number}.pcapng" download>pcapng</a></span>`}
      </div>
      ${detail && !isKnown && html`<p class="empty">Nothing is known of number ${number}: there was no such
        connection, or it ended a while ago and was forgotten. <a href="#/">All connections</a></p>`}
      ${row ? html`<${OpenFacts} row=${row} now=${now}/>` : end && html`<${EndedFacts} row=${end}/>`}
      ${isKnown && detail && html`
        ${!row && !end && html`<p class="why">It is gone.</p>`}
        <${Chart} samples=${model.samples} isHeld=${isHeld}/>
        <div class="pair">
          <section class="drawn" aria-labelledby="figure-title">
            <div class="bar"><h2 id="figure-title">Figure</h2>
              <fieldset class="choice"><legend class="unseen">Kind of figure</legend>
                ${Object.entries(KINDS).map(([key, label]) => html`<label key=${key}><input type="radio"
                  name="kind" checked=${kind === key} onChange=${() => this.#choose(key)}/>
                  <span>${label}</span></label>`)}
              </fieldset></div>
            <${Figure} number=${number} kind=${kind} revision=${detail.revision} isHeld=${isHeld}/>
          </section>
          <${Messages} list=${model.messages} isHeld=${isHeld} onlyPeer/>
        </div>`}
    </section>`;
  }
}
