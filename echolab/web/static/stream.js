// The stream of updates: EventSource, and what it cannot say of itself.

const AGAIN_SECONDS = 3;

/** Why the page hears nothing. */
export const State = Object.freeze({
  STARTING: "starting",
  LIVE: "live",
  LOST: "lost",
  BUSY: "busy", // too many pages watch
  DENIED: "denied", // no token, or a wrong one
});

/** One stream; it is opened again when it ends, and for another connection.
 *
 * @param {(update: object) => void} onUpdate
 * @param {(state: string) => void} onState
 */
export class Stream {
  #source = null;
  #timer = null;
  #onUpdate;
  #onState;
  #peer = null;

  constructor(onUpdate, onState) {
    this.#onUpdate = onUpdate;
    this.#onState = onState;
  }

  /** Open it: with the details of a connection, unless `peer` is null. */
  open(peer = null) {
    this.close();
    this.#peer = peer;
    const source = new EventSource(peer === null ? "/events" : `/events?peer=${peer}`);
    this.#source = source;
    source.addEventListener("open", () => this.#onState(State.LIVE));
    source.addEventListener("update", (event) => this.#onUpdate(JSON.parse(event.data)));
    source.addEventListener("error", () => this.#broke(source));
  }

  close() {
    clearTimeout(this.#timer);
    this.#source?.close();
    this.#source = null;
  }

  #broke(source) {
    if (source !== this.#source) return;
    this.#onState(State.LOST);
    // After an answer other than 200 the browser does not try again by itself.
    if (source.readyState === EventSource.CLOSED) this.#ask(source);
  }

  /** Ask why; an EventSource does not tell the status. */
  async #ask(source) {
    let state = State.LOST;
    try {
      const { status } = await fetch("/events", { method: "HEAD" });
      if (status === 401 || status === 403) state = State.DENIED;
      if (status === 503) state = State.BUSY;
    } catch {
      // Nobody listens.
    }
    if (source !== this.#source) return;
    this.#onState(state);
    if (state === State.DENIED) return;
    this.#timer = setTimeout(() => this.open(this.#peer), AGAIN_SECONDS * 1000);
  }
}
