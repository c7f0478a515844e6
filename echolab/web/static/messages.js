// The messages as they come.

import { harmless } from "./escaping.js";
import { hasHex } from "./hex.js";
import { Gap, MessageRow } from "./message-row.js";
import { Component, html } from "./vendor/htm-preact.module.js";
import { count } from "./words.js";

/** So many rows are in the document; fewer while they run by, and nobody can read them. */
const MOST_ROWS = 500;
const MOST_RUNNING = 100;
const AT_END = 8; // pixels
const NOT_SHOWN = "Messages that came and are not in this list: they were too many at a time";

function matcher({ query, direction, peer, isHex }) {
  const text = query.toLowerCase();
  const who = peer.trim().toLowerCase();
  const isNumber = /^#?\d{1,9}$/.test(who);
  return (entry) => {
    if (entry.gap) return true;
    if (direction !== "both" && entry.isOut !== (direction === "out")) return false;
    if (isNumber && who.replace("#", "") !== String(entry.number)) return false;
    if (who && !isNumber && !harmless(entry.peer).toLowerCase().includes(who)) return false;
    return !text || entry.text.includes(text) || (isHex && hasHex(entry.bytes, text.trim()));
  };
}

/** Return the last entries that match, and join gaps with nothing between them. */
function select(entries, isWanted, most) {
  const selected = [];
  for (let at = entries.length - 1; at >= 0 && selected.length < most; at -= 1) {
    const entry = entries[at];
    const last = selected.at(-1);
    if (!isWanted(entry)) continue;
    if (entry.gap && last?.gap) selected[selected.length - 1] = { ...last, gap: last.gap + entry.gap };
    else selected.push(entry);
  }
  return selected.reverse();
}

function Choice({ legend, name, value, options, onChange }) {
  return html`<fieldset class="choice"><legend class="unseen">${legend}</legend>
    ${Object.entries(options).map(([key, label]) => html`<label key=${key}>
      <input type="radio" name=${name} checked=${key === value} onChange=${() => onChange(key)}/>
      <span>${label}</span></label>`)}
  </fieldset>`;
}

/** The list, with its search, filters and pause.
 *
 * `isHeld` pauses it from outside; `onlyPeer` says that all are of one peer.
 */
export class Messages extends Component {
  state = { query: "", direction: "both", peer: "", isHex: false, paused: null };
  #list = null; // the element
  #top = 0;

  #pause(why) {
    const { list } = this.props;
    this.setState({ paused: { why, entries: list.entries, total: list.total, list } });
  }

  #goOn() {
    this.setState({ paused: null });
  }

  #scrolled = ({ target }) => {
    const wasHigher = target.scrollTop < this.#top - AT_END / 2;
    this.#top = target.scrollTop;
    const isAtEnd = target.scrollTop + target.clientHeight >= target.scrollHeight - AT_END;
    // Who scrolls up reads; what is read must not run away.
    if (wasHigher && !isAtEnd && !this.state.paused) this.#pause("scrolled");
    if (isAtEnd && this.state.paused?.why === "scrolled") this.#goOn();
  };

  componentWillReceiveProps({ isHeld, list }) {
    if (list !== this.props.list) this.setState({ paused: null });
    if (isHeld && !this.state.paused) this.#pause("held");
    if (!isHeld && this.state.paused?.why === "held") this.#goOn();
  }

  componentDidMount() {
    this.#list.scrollTop = this.#list.scrollHeight;
  }

  /** Return how far the end is: rows may come before what is read. */
  getSnapshotBeforeUpdate(_, before) {
    const isPausing = this.state.paused && !before.paused;
    return isPausing ? this.#list.scrollHeight - this.#list.scrollTop : null;
  }

  componentDidUpdate(_, __, toEnd) {
    const list = this.#list;
    if (!this.state.paused) list.scrollTop = list.scrollHeight;
    else if (toEnd !== null) list.scrollTop = list.scrollHeight - toEnd;
    else return;
    this.#top = list.scrollTop;
  }

  render({ list, onlyPeer, isHeld }, state) {
    const { query, direction, peer, isHex, paused } = state;
    const rows = select(paused ? paused.entries : list.entries, matcher(state), paused ? MOST_ROWS : MOST_RUNNING);
    const messages = rows.filter((row) => !row.gap).length;
    const missed = paused ? list.total - paused.total : 0;
    const searched = query.toLowerCase();
    return html`<section class="messages" aria-labelledby="messages-title">
      <div class="bar">
        <h2 id="messages-title">Messages</h2>
        <button type="button" class="pause" aria-pressed=${Boolean(paused)} disabled=${isHeld}
          onClick=${() => (paused ? this.#goOn() : this.#pause("asked"))}>${
            paused ? `go on (${count(missed)} new)` : "pause"}</button>
        ${list.notShown > 0 && html`<span class="soft" title=${NOT_SHOWN}>${
          count(list.notShown)} not shown</span>`}
        <${Choice} legend="Show bytes as" name="as" value=${isHex ? "hex" : "text"}
          options=${{ text: "text", hex: "hex" }}
          onChange=${(key) => this.setState({ isHex: key === "hex" })}/>
        <${Choice} legend="Direction" name="direction" value=${direction}
          options=${{ both: "both", in: "in", out: "out" }}
          onChange=${(key) => this.setState({ direction: key })}/>
        ${!onlyPeer && html`<input type="search" class="of-peer" placeholder="of peer"
          aria-label="Messages of peer (number or address)" value=${peer} autocomplete="off" spellcheck=${false}
          onInput=${(event) => this.setState({ peer: event.target.value })}/>`}
        <input type="search" class="search" placeholder="search in messages" aria-label="Search messages"
          value=${query} autocomplete="off" spellcheck=${false}
          onInput=${(event) => this.setState({ query: event.target.value })}/>
      </div>
      <ol class="log scroll ${isHex ? "as-hex" : ""}" role="log" aria-live="off" tabindex="0"
        aria-labelledby="messages-title" onScroll=${this.#scrolled} ref=${(each) => { this.#list = each; }}>
        ${rows.map((row) => (row.gap ? html`<${Gap} key=${row.key} gap=${row.gap}/>` : html`
          <${MessageRow} key=${row.key} message=${row} isHex=${isHex} query=${searched} withPeer=${!onlyPeer}/>`))}
        ${!messages && html`<li class="empty" key="empty">${
          query || peer || direction !== "both" ? "No message here matches." : "No message yet."}</li>`}
      </ol>
    </section>`;
  }
}
