// A table that is sorted by buttons in its headers.

import { Component, html } from "./vendor/htm-preact.module.js";

const collator = new Intl.Collator("en", { numeric: true });

/** Compare two values: numbers by size, texts as people sort them, null last. */
function compare(a, b) {
  if (a == null || b == null) return (a == null) - (b == null);
  return typeof a === "number" ? a - b : collator.compare(a, b);
}

/** Return the rows in the order of `{key, isDown}`. */
export function sorted(rows, columns, { key, isDown }) {
  const { value } = columns.find((each) => each.key === key);
  const sign = isDown ? -1 : 1;
  return rows.map((row) => [value(row), row])
    .sort(([a, one], [b, other]) => {
      if (a == null || b == null) return compare(a, b);
      return sign * compare(a, b) || (one.number ?? one.key) - (other.number ?? other.key);
    })
    .map(([, row]) => row);
}

/** Return the next order when a header's button is pressed. */
export function turned(order, column) {
  if (order.key === column.key) return { key: order.key, isDown: !order.isDown };
  return { key: column.key, isDown: Boolean(column.isDownFirst) };
}

function Header({ column, order, onOrder }) {
  const isChosen = order.key === column.key;
  const now = !isChosen ? "none" : order.isDown ? "descending" : "ascending";
  return html`<th scope="col" class="c-${column.key} ${column.isNumber ? "number" : ""}"
      aria-sort=${now}>
    <button type="button" title=${column.title} onClick=${() => onOrder(turned(order, column))}>
      ${column.label}<span class="arrow" aria-hidden="true">${
        isChosen ? (order.isDown ? "▼" : "▲") : ""
      }</span>
    </button>
  </th>`;
}

/** A table of rows that are sorted already.
 *
 * Of the links in its rows, Tab reaches one; arrow keys go to the others (`keys.js`).
 *
 * @param columns each `{key, label, title, value(row), cell(row, tabIndex), isNumber, isHead}`
 */
export class Table extends Component {
  state = { chosen: null }; // the key of the row that had the focus last

  #focused = (event) => {
    this.setState({ chosen: event.target.closest("tr").dataset.key });
    this.props.onfocusin?.(event);
  };

  render({ caption, columns, rows, keyOf, classOf, order, onOrder, ...body }, { chosen }) {
    const keys = rows.map((row) => String(keyOf(row)));
    const reached = keys.includes(chosen) ? chosen : keys[0];
    return html`<table>
      <caption class="unseen">${caption}</caption>
      <thead><tr>${columns.map((column) => html`
        <${Header} key=${column.key} column=${column} order=${order} onOrder=${onOrder}/>`)}
      </tr></thead>
      <tbody ...${body} onfocusin=${this.#focused}>${rows.map((row, at) => html`
        <tr key=${keys[at]} data-key=${keys[at]} class=${classOf?.(row) ?? ""}>${columns.map((column) => {
          const kind = `c-${column.key} ${column.isNumber ? "number" : ""}`;
          const inner = column.cell(row, keys[at] === reached ? 0 : -1);
          return column.isHead
            ? html`<th scope="row" class=${kind}>${inner}</th>`
            : html`<td class=${kind}>${inner}</td>`;
        })}</tr>`)}
      </tbody>
    </table>`;
  }
}
