// The stream of updates: EventSource, and what it cannot say of itself.

const AGAIN_SECONDS = 3;
/** A browser has few connections to a server: a page that nobody sees leaves its own. */
const HIDDEN_SECONDS = 5;
/** Updates come twice a second; of a busy server they come later. */
const SILENT_SECONDS = 20;

/** Why the page hears nothing. */
export const State = Object.freeze({
  STARTING: "starting",
  LIVE: "live",
  LOST: "lost",
  SILENT: "silent", // the stream is there, and nothing comes
  HIDDEN: "hidden", // nobody sees the page
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
  #timer = null; // to open it again
  #leaving = null; // to close it while the page is hidden
  #listening = null; // to notice that nothing comes
  #isSilent = false;
  #isAway = false; // it is closed since the page is hidden
  #onUpdate;
  #onState;
  #peer = null;

  constructor(onUpdate, onState) {
    this.#onUpdate = onUpdate;
    this.#onState = onState;
    document.addEventListener("visibilitychange", () => this.#look());
  }

  /** Open it: with the details of a connection, unless `peer` is null. */
  open(peer = null) {
    this.close();
    this.#peer = peer;
    this.#isAway = false;
    this.#look();
    const source = new EventSource(peer === null ? "/events" : `/events?peer=${peer}`);
    this.#source = source;
    source.addEventListener("open", () => this.#heard(State.LIVE));
    source.addEventListener("update", (event) => {
      this.#heard(this.#isSilent ? State.LIVE : null);
      this.#onUpdate(JSON.parse(event.data));
    });
    source.addEventListener("error", () => this.#broke(source));
  }

  close() {
    clearTimeout(this.#timer);
    clearTimeout(this.#listening);
    this.#source?.close();
    this.#source = null;
  }

  /** Close it when the page has been hidden for a while, and open it when it is seen. */
  #look() {
    if (!document.hidden) {
      clearTimeout(this.#leaving);
      this.#leaving = null;
      if (this.#isAway) this.open(this.#peer);
    } else {
      this.#leaving ??= setTimeout(() => {
        this.#isAway = true;
        this.close();
        this.#onState(State.HIDDEN);
      }, HIDDEN_SECONDS * 1000);
    }
  }

  #heard(state) {
    clearTimeout(this.#listening);
    this.#isSilent = false;
    if (state) this.#onState(state);
    this.#listening = setTimeout(() => {
      this.#isSilent = true;
      this.#onState(State.SILENT);
    }, SILENT_SECONDS * 1000);
  }

  #broke(source) {
    if (source !== this.#source) return;
    clearTimeout(this.#listening);
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
