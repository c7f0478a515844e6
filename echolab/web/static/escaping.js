// Text from the network, as pieces that are safe to show: the same rule as in
// echolab/escaping.py, and zero-width characters too.

const UNSAFE = new RegExp(
  "[\\0-\\x08\\n\\x0b-\\x1f\\x7f-\\x9f" + // control characters, except the tab
  "\\u00ad\\u061c\\u180e\\u200b-\\u200f\\u202a-\\u202e" + // invisible, or turn text
  "\\u2028\\u2029\\u2060-\\u206f\\ufe00-\\ufe0f\\ufeff\\ufff9-\\ufffb" +
  "\\u{1d173}-\\u{1d17a}\\u{e0000}-\\u{e0fff}" +
  "\\ud800-\\udfff]+", // halves of a character
  "gu",
);
const SHORT = new Map([["\n", "\\n"], ["\r", "\\r"]]);

const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

function hex(code, digits) {
  return code.toString(16).padStart(digits, "0");
}

function asEscape(character) {
  const code = character.codePointAt(0);
  if (SHORT.has(character)) return SHORT.get(character);
  if (code < 0x80) return `\\x${hex(code, 2)}`;
  return code < 0x10000 ? `\\u${hex(code, 4)}` : `\\U${hex(code, 8)}`;
}

/** Return a string as pieces `[isEscape, text]`. */
export function piecesOf(text) {
  const pieces = [];
  let at = 0;
  for (const match of text.matchAll(UNSAFE)) {
    if (match.index > at) pieces.push([false, text.slice(at, match.index)]);
    pieces.push([true, Array.from(match[0], asEscape).join("")]);
    at = match.index + match[0].length;
  }
  if (at < text.length) pieces.push([false, text.slice(at)]);
  return pieces;
}

/** Return a string as one harmless line. */
export function harmless(text) {
  return piecesOf(String(text)).map(([, shown]) => shown).join("");
}

/** Return bytes as pieces `[isEscape, text]`; what is not UTF-8 as `\xff`. */
export function piecesOfBytes(bytes) {
  try {
    return piecesOf(strict.decode(bytes));
  } catch {
    return joined(mixed(bytes));
  }
}

function* mixed(bytes) {
  let from = 0;
  for (let at = 0; at < bytes.length;) {
    const length = lengthAt(bytes, at);
    if (length) {
      at += length;
      continue;
    }
    if (at > from) yield* piecesOf(strict.decode(bytes.subarray(from, at)));
    yield [true, `\\x${hex(bytes[at], 2)}`];
    at += 1;
    from = at;
  }
  if (from < bytes.length) yield* piecesOf(strict.decode(bytes.subarray(from)));
}

function joined(pieces) {
  const whole = [];
  for (const [isEscape, text] of pieces) {
    const last = whole.at(-1);
    if (last && last[0] === isEscape) last[1] += text;
    else whole.push([isEscape, text]);
  }
  return whole;
}

/** Return the length of the UTF-8 character that begins there; 0 if none does. */
function lengthAt(bytes, at) {
  const first = bytes[at];
  if (first < 0x80) return 1;
  const length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4) return 0;
  for (let next = 1; next < length; next += 1) {
    if ((bytes[at + next] & 0xc0) !== 0x80) return 0;
  }
  const second = bytes[at + 1];
  if (first === 0xe0 && second < 0xa0) return 0; // longer than need be
  if (first === 0xf0 && second < 0x90) return 0;
  if (first === 0xed && second > 0x9f) return 0; // half a character
  if (first === 0xf4 && second > 0x8f) return 0; // beyond Unicode
  return length;
}

/** Return the first bytes, at most so many, without half a character at the end. */
export function cutBytes(bytes, most = bytes.length) {
  const end = Math.min(most, bytes.length);
  for (let back = 1; back <= Math.min(3, end); back += 1) {
    const each = bytes[end - back];
    if ((each & 0xc0) === 0x80) continue;
    const length = each >= 0xf0 ? 4 : each >= 0xe0 ? 3 : each >= 0xc0 ? 2 : 1;
    return bytes.subarray(0, length > back ? end - back : end);
  }
  return bytes.subarray(0, end);
}

/** Return the bytes of a base64 text. */
export function bytesOf(base64) {
  return Uint8Array.from(atob(base64), (each) => each.charCodeAt(0));
}
