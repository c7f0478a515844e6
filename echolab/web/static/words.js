// Numbers, spans and causes as a person reads them.

const COUNT = new Intl.NumberFormat("en");
const ROUGH = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });
const CLOCK = new Intl.DateTimeFormat("en-GB", {
  hour: "2-digit", minute: "2-digit", second: "2-digit",
});
const DATE = new Intl.DateTimeFormat("en-GB", {
  dateStyle: "medium", timeStyle: "long",
});
const UNITS = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];

/** 12,345 */
export function count(number) {
  return number == null ? "–" : COUNT.format(number);
}

/** 205M: a large number that need not be exact. */
export function roughly(number) {
  return number < 1e6 ? count(number) : ROUGH.format(number);
}

/** 1 connection, 2 connections */
export function several(number, one, more = `${one}s`) {
  return `${count(number)} ${number === 1 ? one : more}`;
}

/** 512 B, 1.4 MiB */
export function size(bytes) {
  if (bytes == null) return "–";
  let unit = 0;
  while (bytes >= 999.5 && unit < UNITS.length - 1) {
    bytes /= 1024;
    unit += 1;
  }
  const digits = unit === 0 || bytes >= 99.95 ? 0 : 1;
  return `${bytes.toFixed(digits)} ${UNITS[unit]}`;
}

/** 1.4 MiB/s */
export function rate(bytesPerSecond) {
  if (bytesPerSecond == null) return "–";
  return `${size(Math.round(bytesPerSecond))}/s`;
}

/** 38 µs, 4.2 ms, 1.5 s: a short span that was measured. */
export function short(seconds) {
  if (seconds == null) return "–";
  if (seconds < 0.001) return `${Math.round(seconds * 1e6)} µs`;
  if (seconds < 1) return `${(seconds * 1e3).toFixed(seconds < 0.1 ? 1 : 0)} ms`;
  return `${seconds.toFixed(1)} s`;
}

/** 3 s, 2 min, 1 h 4 min, 3 d 2 h: how long something has lasted. */
export function span(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  if (whole < 60) return `${whole} s`;
  const minutes = Math.floor(whole / 60);
  if (minutes < 10) return `${minutes} min ${whole % 60} s`;
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return `${hours} h ${minutes % 60} min`;
  return `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

/** What the time of day is ahead of the page's times, since a clock was set. */
let ahead = 0;

export function setAhead(seconds) {
  ahead = Math.abs(seconds) < 0.5 ? 0 : seconds;
}

/** 09:41:07, of the browser's zone. */
export function clock(posix) {
  return CLOCK.format((posix + ahead) * 1000);
}

/** 09:41:07.123 */
export function exactClock(posix) {
  const millis = Math.floor(((posix + ahead) % 1) * 1000);
  return `${clock(posix)}.${String(millis).padStart(3, "0")}`;
}

/** 29 Nov 2025, 09:41:07 UTC */
export function date(posix) {
  return DATE.format((posix + ahead) * 1000);
}

const CAUSES = {
  eof: "the peer closed it",
  reset: "it was reset",
  malformed: "its bytes do not fit the framing",
  overlong: "a message was too long",
  idle: "it was silent for too long",
  timeout: "the peer vanished, or took no bytes for too long",
  refused: "turned away",
  handshake: "the handshake failed",
  stopped: "this side ended it",
  error: "a fault of this program or of TLS",
};

/** Return an end cause in words. */
export function cause(name) {
  return CAUSES[name] ?? name;
}

/** Whether nothing went wrong. */
export function isOrderly(name) {
  return name === "eof" || name === "stopped";
}
