// Bytes as a hex dump: offset, 16 bytes, ASCII.

import { html } from "./vendor/htm-preact.module.js";

const ACROSS = 16;

/** Return whether each byte belongs to a find, or null if none does. */
function findsIn(bytes, query) {
  if (!query) return null;
  const found = new Uint8Array(bytes.length);
  const wanted = [new TextEncoder().encode(query)];
  const digits = query.replaceAll(" ", "");
  if (/^([0-9a-f]{2})+$/.test(digits)) {
    wanted.push(Uint8Array.from(digits.match(/../g), (each) => parseInt(each, 16)));
  }
  for (const each of wanted) {
    for (let at = 0; at + each.length <= bytes.length; at += 1) {
      if (each.every((byte, next) => lower(bytes[at + next]) === lower(byte))) {
        found.fill(1, at, at + each.length);
      }
    }
  }
  return found;
}

function lower(byte) {
  return byte >= 0x41 && byte <= 0x5a ? byte + 32 : byte;
}

/** Whether the bytes, as hexadecimal digits, contain the query. */
export function hasHex(bytes, query) {
  const digits = query.replaceAll(" ", "");
  if (!/^([0-9a-f]{2})+$/.test(digits)) return false;
  const all = Array.from(bytes, (each) => each.toString(16).padStart(2, "0"));
  return ` ${all.join(" ")}`.includes(` ${digits.match(/../g).join(" ")}`);
}

/** Return the text of some bytes, with finds in `<mark>`. */
function run(bytes, from, found, textOf) {
  if (!found) return bytes.map(textOf).join("");
  const parts = [];
  bytes.forEach((byte, at) => {
    const isFound = found[from + at] === 1;
    const last = parts.at(-1);
    if (last && last[0] === isFound) last[1] += textOf(byte, at);
    else parts.push([isFound, textOf(byte, at)]);
  });
  return parts.map(([isFound, text]) => (isFound ? html`<mark>${text}</mark>` : text));
}

function asHex(byte, at) {
  return `${at === 8 ? " " : ""}${byte.toString(16).padStart(2, "0")} `;
}

function asAscii(byte) {
  return byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : ".";
}

/** A hex dump of bytes. */
export function Hex({ bytes, query }) {
  const found = findsIn(bytes, query);
  const rows = [];
  for (let from = 0; from < bytes.length; from += ACROSS) {
    const row = Array.from(bytes.subarray(from, from + ACROSS));
    const missing = ACROSS - row.length;
    const blank = " ".repeat(missing * 3 + (row.length <= 8 ? 1 : 0));
    rows.push(
      html`<span class="offset">${from.toString(16).padStart(4, "0")}</span>  `,
      run(row, from, found, asHex), `${blank} `,
      html`<span class="ascii">${run(row, from, found, asAscii)}</span>${"\n"}`,
    );
  }
  return html`<div class="dump">${rows}</div>`;
}
