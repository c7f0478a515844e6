// The page: one model, one stream, drawn at most once a frame.

import { AttentionLine } from "./attention-line.js";
import { Connections } from "./connections.js";
import { Detail } from "./detail.js";
import { Endings } from "./endings.js";
import { Banner, Header } from "./header.js";
import { listenToKeys } from "./keys.js";
import { Messages } from "./messages.js";
import { Model } from "./model.js";
import { State, Stream } from "./stream.js";
import { Component, html, render } from "./vendor/htm-preact.module.js";

const ROUTE = /^#\/([1-9]\d{0,9})$/;

/** Return the number in the address, or null for all connections. */
function chosen() {
  const match = ROUTE.exec(window.location.hash);
  return match ? Number(match[1]) : null;
}

/** Take the token out of the address: it is in a cookie now. */
function forgetToken() {
  const { pathname, search, hash } = window.location;
  if (new URLSearchParams(search).has("token")) {
    window.history.replaceState(null, "", pathname + hash);
  }
}

class App extends Component {
  state = { connection: State.STARTING, number: chosen(), isNeedyOnly: false };
  #model = new Model();
  #frame = null;
  #stream = new Stream(
    (update) => {
      this.#model.take(update);
      this.#drawSoon();
    },
    (connection) => {
      if (connection !== State.LIVE) this.#model.stop();
      this.setState({ connection });
    },
  );

  componentDidMount() {
    window.addEventListener("hashchange", () => this.#turn(chosen()));
    // Spans of time grow also while nothing else changes.
    setInterval(() => this.#drawSoon(), 1000);
    this.#stream.open(this.state.number);
  }

  #drawSoon() {
    this.#frame ??= requestAnimationFrame(() => {
      this.#frame = null;
      this.setState({});
    });
  }

  #turn(number) {
    const before = this.state.number;
    if (number === before) return;
    this.#model.look();
    this.#stream.open(number);
    this.setState({ number }, () => {
      window.scrollTo(0, 0);
      if (number === null) focusRow(before);
    });
  }

  #chooseNeedy = (isNeedyOnly) => this.setState({ isNeedyOnly });

  #showNeedy = () => {
    this.#chooseNeedy(true);
    window.location.hash = "#/";
  };

  componentDidUpdate() {
    const { number } = this.state;
    const open = this.#model.rows.size;
    const title = number === null ? `${open} connected` : `connection ${number}`;
    const whole = `${title} – echolab`;
    if (document.title !== whole) document.title = whole;
  }

  render(_, { connection, number, isNeedyOnly }) {
    const model = this.#model;
    const isOld = connection !== State.LIVE && connection !== State.STARTING;
    return html`
      <a class="skip" href="#main" onClick=${skip}>Skip to the connections</a>
      <${Header} model=${model} state=${connection} isOld=${isOld}/>
      <${Banner} state=${connection} model=${model}/>
      <div class=${isOld ? "old" : ""}>
        <${AttentionLine} model=${model} onAll=${this.#showNeedy}/>
        <main id="main" tabindex="-1">
          ${number !== null && html`<${Detail} key=${number} model=${model} number=${number}/>`}
          ${number === null && html`
            <div class="all">
              <${Connections} model=${model} isNeedyOnly=${isNeedyOnly} onNeedyOnly=${this.#chooseNeedy}/>
              <${Messages} list=${model.messages}/>
            </div>
            <${Endings} model=${model}/>`}
        </main>
      </div>`;
  }
}

/** Focus the row of a connection in the table, or the table if it has none. */
function focusRow(number) {
  const row = document.getElementById(`to-${number}`);
  (row ?? document.getElementById("table")).focus();
}

/** The address says which connection is shown, so the skip link must not change it. */
function skip(event) {
  event.preventDefault();
  document.getElementById("main").focus();
}

forgetToken();
listenToKeys();
const place = document.getElementById("app");
place.replaceChildren();
render(html`<${App}/>`, place);
