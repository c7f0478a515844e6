// The state of the whole server, in one strip.

import { harmless } from "./escaping.js";
import { Spark } from "./spark.js";
import { State } from "./stream.js";
import { Text } from "./text.js";
import { html } from "./vendor/htm-preact.module.js";
import { cause, clock, count, date, rate, roughly, several, short, size, span } from "./words.js";

function sum(counts) {
  return Object.values(counts).reduce((all, each) => all + each, 0);
}

/** Return "198 open, 2 paused": the states that occur. */
function inStates(counts) {
  return Object.entries(counts).filter(([, number]) => number)
    .map(([state, number]) => `${count(number)} ${state}`).join(", ");
}

/** The same in small, for those that are not merely open; a state is not broken into lines. */
function SmallStates({ counts }) {
  const states = inStates({ ...counts, open: 0 }).split(/(?<=,) /);
  return states.map((each) => html`<span class="whole">${each}</span> `);
}

function inCauses(counts) {
  return Object.entries(counts).filter(([, number]) => number)
    .map(([name, number]) => `${count(number)}: ${cause(name)}`).join("; ");
}

function Readout({ label, children, below, title, kind = "" }) {
  return html`<div class="readout ${kind}" title=${title}>
    <dt>${label}</dt><dd>${children}</dd>
    ${below && html`<dd class="below">${below}</dd>`}
  </div>`;
}

function Queues({ queues, areDropping }) {
  const sumOf = (at) => queues.reduce((all, each) => all + (each[at] ?? 0), 0);
  const each = queues.map(([address, waiting, backlog, drops]) => (
    `${harmless(address)}: ${count(waiting)} of ${count(backlog)} wait, ${several(drops ?? 0, "drop")}`
  )).join("\n");
  if (!queues.length) {
    return html`<${Readout} label="accept queue"
      title="The kernel tells of it only for TCP, and while the server listens">–<//>`;
  }
  return html`<${Readout} label="accept queue" title=${each} kind=${areDropping ? "look" : ""}
    below=${`${areDropping ? "▲ " : ""}${several(sumOf(3), "drop")}`}
  >${count(sumOf(1))}<//>`;
}

/** What the server says of itself, or why the page hears nothing of it. */
export function Banner({ state, model }) {
  const { totals, now } = model;
  if (state === State.DENIED) {
    return html`<p class="banner look" role="alert"><b>No access:</b> the token is missing, or is
      no longer valid. Open the address that the server printed when it started.</p>`;
  }
  if (state === State.BUSY) {
    return html`<p class="banner look" role="alert"><b>Too many pages watch this server.</b>${" "
      }Close one; this page tries again.</p>`;
  }
  if (state === State.LOST) {
    return html`<p class="banner look" role="alert"><b>The connection to the server is lost</b>,
      trying again.${totals?.draining && " The server was draining when it was last heard: it has probably ended."
      }${totals && ` What is shown is old: of ${clock(now)}.`}</p>`;
  }
  if (state === State.SILENT) {
    return html`<p class="banner look" role="alert"><b>The server tells nothing now</b>: it is busy or
      stopped, or the way to it is cut. What is shown is old: of ${clock(now)}.</p>`;
  }
  if (totals?.draining) {
    return html`<p class="banner" role="status"><b>Draining:</b> the server accepts nobody any more,
      and ends when its connections have ended, or the time of <code>--drain</code> is over.</p>`;
  }
  return null;
}

export function Header({ model, state, isOld }) {
  const { totals } = model;
  return html`<header>
    <div class="title">
      <h1><a href="#/">echolab</a></h1>
      ${totals && html`<span class="addresses">${model.addresses.map((address) => html`
        <code key=${address}><${Text} value=${address}/></code>`)}</span>
        <span class="soft" title=${date(totals.began)}>since ${clock(totals.began)} (${
          span(model.now - totals.began)})</span>`}
      <span class="pulse ${state}">${
        state === State.LIVE ? "live" : state === State.STARTING ? "starting" : "not connected"
      }</span>
      <span class="downloads">
        <a href="/recording.jsonl" download>recording</a>
        <a href="/recording.pcapng" download>pcapng</a>
      </span>
    </div>
    ${totals && html`<${Readouts} model=${model} isOld=${isOld}/>`}
  </header>`;
}

function Readouts({ model, isOld }) {
  const { totals, now } = model;
  const lag = totals.lag_seconds;
  return html`<dl class="readouts ${isOld ? "old" : ""}">
    <${Readout} label="in" kind="wide" below=${`${size(totals.received_bytes)} in all`}>
      <span class="figure-in">${rate(model.rateIn.now)}</span>
      <${Spark} rate=${model.rateIn} time=${now} height=${26} isSmooth/><//>
    <${Readout} label="out" kind="wide" below=${`${size(totals.sent_bytes)} in all`}>
      <span class="figure-out">${rate(model.rateOut.now)}</span>
      <${Spark} rate=${model.rateOut} time=${now} height=${26} isSmooth kind="out"/><//>
    <${Readout} label="messages in" kind="broad" below=${`${roughly(totals.received_messages)} in all`}
      title=${`received: ${count(totals.received_messages)}\nsent: ${count(totals.sent_messages)}`}>${
        model.rateMessages.now === null ? "–" : `${count(Math.round(model.rateMessages.now))}/s`}<//>
    <${Readout} label="connected" kind="roomy" title=${inStates(totals.connections)}
      below=${html`<${SmallStates} counts=${totals.connections}/>`}>${count(sum(totals.connections))}<//>
    <${Readout} label="accepted" title=${inCauses(totals.ended)}
      below=${`${count(sum(totals.ended))} ended`}>${count(totals.accepted)}<//>
    <${Readout} label="refused" title=${inCauses(totals.refused)}>${count(sum(totals.refused))}<//>
    <${Queues} queues=${totals.queues} areDropping=${model.areDropping}/>
    <${Readout} label="output waiting" kind="broad" title="Bytes that wait to be printed or written to files"
      >${size(totals.waiting_output_bytes)}<//>
    <${Readout} label="loop lag" title="How late the server's event loop is"
      kind=${lag > 0.25 ? "look" : ""} below=${lag > 0.25 && "▲ slow"}>${short(lag)}<//>
  </dl>`;
}
