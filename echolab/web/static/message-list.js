// The newest messages, and where some are not shown.

import { bytesOf, cutBytes, piecesOfBytes } from "./escaping.js";

const MOST_MESSAGES = 1000;
const MOST_CHARACTERS = 4 << 20;

let keys = 0;

/** One message; its bytes are decoded when they are first shown. */
class Message {
  constructor([id, number, peer, time, direction, mark, size, base64]) {
    keys += 1;
    Object.assign(this, { id, number, peer, time, mark, size });
    this.key = keys;
    this.isOut = direction === "out";
    this.base64 = base64;
    this.weight = base64.length;
  }

  /** The bytes that the server sent: at most 4,096 of them. */
  get bytes() {
    if (this.base64 !== null) {
      const bytes = bytesOf(this.base64);
      this.decoded = bytes.length < this.size ? cutBytes(bytes) : bytes;
      this.base64 = null;
    }
    return this.decoded;
  }

  /** The bytes as text that is harmless, for searching. */
  get text() {
    this.searched ??= piecesOfBytes(this.bytes).map(([, text]) => text).join("")
      .toLowerCase();
    return this.searched;
  }
}

/** A list of messages and gaps, the newest last, bounded in number and bytes. */
export class MessageList {
  #entries = [];
  #characters = 0;
  #lastId = -1;
  total = 0; // messages so far, with those that are not shown
  notShown = 0;

  /** The entries: a Message, or `{key, gap}` with the number of those not shown. */
  get entries() {
    return this.#entries;
  }

  /** Take messages as the stream has them; those known already are skipped.
   *
   * A new stream does not know what this list has. Then `grown` says by how much the
   * counts have grown; with `ofOne`, that of the messages in.
   */
  take(messages, notShown, { grown = null, ofOne = false } = {}) {
    const known = this.#lastId;
    const fresh = messages.filter(([id]) => id > known);
    if (grown !== null) {
      const counted = ofOne ? fresh.filter(([, , , , way]) => way === "in") : fresh;
      notShown = Math.max(0, grown - counted.length);
    }
    if (!fresh.length && !notShown) return;
    const entries = this.#entries.slice(); // a pause keeps the old one
    if (notShown) this.#addGap(entries, notShown);
    for (const values of fresh) {
      const message = new Message(values);
      this.#lastId = Math.max(this.#lastId, message.id);
      this.#characters += message.weight;
      entries.push(message);
    }
    this.total += fresh.length + notShown;
    this.notShown += notShown;
    this.#entries = this.#bounded(entries);
  }

  #addGap(entries, notShown) {
    const last = entries.at(-1);
    if (last?.gap) entries[entries.length - 1] = { ...last, gap: last.gap + notShown };
    else entries.push({ key: (keys += 1), gap: notShown });
  }

  #bounded(entries) {
    let from = 0;
    while (
      entries.length - from > MOST_MESSAGES ||
      (this.#characters > MOST_CHARACTERS && from < entries.length - 1)
    ) {
      this.#characters -= entries[from].weight ?? 0;
      from += 1;
    }
    return from ? entries.slice(from) : entries;
  }
}
