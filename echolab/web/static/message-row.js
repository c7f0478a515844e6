// One message: when, who, which way, and its bytes as text or hex.

import { cutBytes, harmless, piecesOfBytes } from "./escaping.js";
import { Hex } from "./hex.js";
import { shown, Text } from "./text.js";
import { Component, html } from "./vendor/htm-preact.module.js";
import { count, date, exactClock } from "./words.js";

const SHOWN_AS_TEXT = 512;
const SHOWN_AS_HEX = 256;

const MARKS = {
  overlong: "too long: goes on",
  partial: "begun: goes on",
  continued: "the rest",
  unterminated: "not finished",
};

function Cut({ message, shownBytes, onMore }) {
  const here = message.bytes.length - shownBytes;
  const away = message.size - message.bytes.length;
  return html`
    ${here > 0 && html` <button type="button" class="cut" onClick=${onMore}>${
      count(here)} bytes more</button>`}
    ${away > 0 && html` <span class="cut">${count(away)} bytes more${
      here > 0 ? " that are not here" : ""}</span>`}`;
}

/** A row; it is drawn again only if something in it changes. */
export class MessageRow extends Component {
  state = { isWhole: false };

  shouldComponentUpdate({ isHex, query, withPeer }, { isWhole }) {
    return isHex !== this.props.isHex || query !== this.props.query ||
      withPeer !== this.props.withPeer || isWhole !== this.state.isWhole;
  }

  render({ message, isHex, query, withPeer }, { isWhole }) {
    const all = message.bytes;
    const most = isHex ? SHOWN_AS_HEX : SHOWN_AS_TEXT;
    const bytes = isWhole || all.length <= most ? all : cutBytes(all, most);
    const direction = message.isOut ? "out" : "in";
    return html`<li class="message ${direction}">
      <time title=${date(message.time)}>${exactClock(message.time)}</time>
      ${withPeer && html`<a class="from" href="#/${message.number}" title=${harmless(message.peer)}><span
        class="no">${message.number}</span> <span class="peer"><${Text} value=${message.peer}/></span></a>`}
      <span class="way" title=${message.isOut ? "sent" : "received"}><span
        aria-hidden="true">${message.isOut ? "←" : "→"}</span><span class="unseen">${direction}</span></span>
      <span class="body">${isHex ? html`<${Hex} bytes=${bytes} query=${query}/>`
        : shown(piecesOfBytes(bytes), query)}${
        !message.size && html`<span class="cut">empty</span>`}${
        message.mark && html` <span class="cut">${MARKS[message.mark] ?? message.mark}</span>`}
        <${Cut} message=${message} shownBytes=${bytes.length}
          onMore=${() => this.setState({ isWhole: true })}/></span>
    </li>`;
  }
}

export function Gap({ gap }) {
  return html`<li class="gap">${count(gap)} not shown</li>`;
}
