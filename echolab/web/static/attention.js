// Which connections need a look, and why, in words.

import { rate, size, span } from "./words.js";

/** A flood is this share of all that comes in, and so many times the median. */
const FLOOD_SHARE = 0.3;
const FLOOD_TIMES = 8;
const FLOOD_LEAST_BYTES = 100_000;
const FLOOD_LEAST_MESSAGES = 1000;
const FLOOD_AMONG = 3;
/** A message that is not finished is normal for a moment. */
const UNFINISHED_SECONDS = 3;
const LOST_SECONDS = 30;
const LOST_LEAST = 3;
/** What was said stays so long, so that the line does not flicker. */
const STAYS_SECONDS = 4;

/** What is said of a need that is over. */
const OVER = {
  stalls: "reads again",
  floods: "has calmed down",
  unfinished: "has gone on with its message",
  lossy: "loses no segments now",
  paused: "is read again",
};

/** Set `need` of each row: `{kind, weight, text, isOver}`, or null. */
export function judge(rows, time) {
  const floods = floodsAmong(rows);
  for (const row of rows) {
    const need = stalled(row) ?? floods.get(row) ?? unfinished(row, time) ??
      lossy(row, time) ?? held(row);
    if (need) {
      row.need = need;
      row.needAt = time;
    } else if (row.need && time - row.needAt > STAYS_SECONDS) {
      row.need = null;
    } else if (row.need && !row.need.isOver) {
      row.need = { ...row.need, text: OVER[row.need.kind], isOver: true };
    }
  }
}

/** Return the rows that need a look, or did a moment ago, the worst first. */
export function needy(rows) {
  return rows.filter((row) => row.need).sort(
    (a, b) => b.need.weight - a.need.weight || b.waiting - a.waiting ||
      a.number - b.number,
  );
}

function stalled(row) {
  const isClosed = row.sendWindow === 0 && row.waiting > 0;
  if (row.state !== "peer does not read" && !isClosed) return null;
  const waits = row.waiting ? `: ${size(row.waiting)} wait for it` : "";
  const window = row.sendWindow === 0 ? ", its window is 0" : "";
  return { kind: "stalls", weight: 5, text: `does not read${waits}${window}` };
}

function unfinished(row, time) {
  const silent = time - row.heard;
  if (row.state !== "unfinished message" || silent < UNFINISHED_SECONDS) return null;
  const text = `stopped in the middle of a message ${span(silent)} ago`;
  return { kind: "unfinished", weight: 3, text };
}

function lossy(row, time) {
  if (row.lost < LOST_LEAST || time - row.lostAt > LOST_SECONDS) return null;
  const text = `loses segments: ${row.retransmits} were sent again`;
  return { kind: "lossy", weight: 2, text };
}

function held(row) {
  if (row.state !== "paused" || !row.unread) return null;
  const text = `is paused by this server: ${size(row.unread)} of it are unread`;
  return { kind: "paused", weight: 1, text };
}

/** Return a Map from rows to needs: those that send most of all that comes in. */
function floodsAmong(rows) {
  const floods = new Map();
  if (rows.length < FLOOD_AMONG) return floods;
  const bytes = standingOut(rows, (row) => row.rate.now ?? 0, FLOOD_LEAST_BYTES);
  for (const [row, speed, share] of bytes) {
    const text = `floods: ${rate(speed)}, ${share} % of all that comes in`;
    floods.set(row, { kind: "floods", weight: 4, text });
  }
  const lines = standingOut(
    rows, (row) => row.messageRate.now ?? 0, FLOOD_LEAST_MESSAGES,
  );
  for (const [row, speed, share] of lines) {
    if (floods.has(row)) continue;
    const text = `floods: ${Math.round(speed)} messages/s, ${share} % of all`;
    floods.set(row, { kind: "floods", weight: 4, text });
  }
  return floods;
}

function standingOut(rows, speedOf, least) {
  const speeds = rows.map(speedOf);
  const all = speeds.reduce((sum, each) => sum + each, 0);
  const median = speeds.slice().sort((a, b) => a - b)[rows.length >> 1];
  return rows.map((row, at) => [row, speeds[at], Math.round(100 * speeds[at] / all)])
    .filter(([, speed]) => speed >= least && speed >= FLOOD_SHARE * all &&
      speed >= FLOOD_TIMES * median);
}
