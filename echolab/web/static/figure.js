// The figure of one connection: an SVG document of the server's, taken into the page.

import { Component, html } from "./vendor/htm-preact.module.js";

const SVG = "http://www.w3.org/2000/svg";
const ELEMENTS = new Set(["svg", "g", "path", "rect", "text", "title", "tspan"]);
const AT_END = 8; // pixels

/** Return the SVG element of a document, or throw: it may hold nothing but shapes. */
export function checked(text) {
  const parsed = new DOMParser().parseFromString(text, "image/svg+xml");
  const root = parsed.documentElement;
  for (const element of [root, ...root.querySelectorAll("*")]) {
    if (element.namespaceURI !== SVG || !ELEMENTS.has(element.localName)) {
      throw new Error(`it has an element ${element.localName}`);
    }
    for (const { name } of element.attributes) {
      if (/^on|href$|^style$/i.test(name)) throw new Error(`it has an attribute ${name}`);
    }
  }
  if (root.localName !== "svg") throw new Error("it is no SVG");
  return root;
}

/** The figure; fetched again when its revision changes, one at a time. */
export class Figure extends Component {
  state = { problem: "" };
  #place = null;
  #shown = ""; // what is in the page
  #asked = ""; // what was fetched last, or is being fetched
  #isFetching = false;
  #isGone = false;

  componentDidMount() {
    this.#fetch();
  }

  componentDidUpdate() {
    this.#fetch();
  }

  componentWillUnmount() {
    this.#isGone = true;
  }

  shouldComponentUpdate({ number, kind, revision, isHeld }, { problem }) {
    return number !== this.props.number || kind !== this.props.kind ||
      (!isHeld && revision !== this.props.revision) || isHeld !== this.props.isHeld ||
      problem !== this.state.problem;
  }

  async #fetch() {
    const { number, kind, revision } = this.props;
    const wanted = `${number} ${kind} ${revision}`;
    if (this.#isFetching || wanted === this.#asked) return;
    this.#asked = wanted;
    this.#isFetching = true;
    try {
      const answer = await fetch(`/connections/${number}.svg?figure=${kind}`);
      if (!answer.ok) throw new Error(answer.status === 404 ? "nothing is kept of it" : `status ${answer.status}`);
      const svg = checked(await answer.text());
      if (this.#isGone) return;
      this.#put(svg, `${number} ${kind}`);
      this.setState({ problem: "" });
    } catch (error) {
      if (!this.#isGone) this.setState({ problem: error.message });
    } finally {
      this.#isFetching = false;
    }
    if (!this.#isGone) this.#fetch(); // what changed meanwhile
  }

  /** Put it into the page; keep the place, or follow the end. */
  #put(svg, what) {
    const place = this.#place;
    const { scrollTop, scrollLeft } = place;
    const isAtEnd = scrollTop > 0 && scrollTop + place.clientHeight >= place.scrollHeight - AT_END;
    const isSame = what === this.#shown;
    place.replaceChildren(document.importNode(svg, true));
    place.scrollTop = !isSame ? 0 : isAtEnd ? place.scrollHeight : scrollTop;
    place.scrollLeft = isSame ? scrollLeft : 0;
    this.#shown = what;
  }

  render(_, { problem }) {
    return html`
      ${problem && html`<p class="empty" role="status">The figure cannot be drawn: ${problem}.</p>`}
      <div class="figure scroll" role="region" tabindex="0" aria-label="Figure"
        ref=${(each) => { this.#place = each; }}></div>`;
  }
}
