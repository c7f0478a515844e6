// Keys that work everywhere: / goes to the search, Esc leaves; arrows go from row to row.

function isTyping({ target }) {
  return target.matches("input[type=search], textarea");
}

function goToSearch(event) {
  const search = document.querySelector("main input.search");
  if (!search || isTyping(event)) return;
  event.preventDefault();
  search.focus();
  search.select();
}

/** Esc empties a search and leaves it; elsewhere it leaves a connection. */
function leave(event) {
  const { target } = event;
  if (isTyping(event)) {
    target.value = "";
    target.dispatchEvent(new Event("input", { bubbles: true }));
    target.blur();
    return;
  }
  if (window.location.hash.length > 2) window.location.hash = "#/";
}

const STEPS = { ArrowDown: 1, ArrowUp: -1, PageDown: 10, PageUp: -10, Home: -Infinity, End: Infinity };

/** Go to another row of a table, from the link of one. */
function step(event) {
  const links = [...(event.target.closest("tbody")?.querySelectorAll("th > a") ?? [])];
  const at = links.indexOf(event.target);
  if (at < 0) return;
  event.preventDefault();
  links[Math.min(links.length - 1, Math.max(0, at + STEPS[event.key]))].focus();
}

/** Listen to the keys of the whole page. */
export function listenToKeys() {
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    if (event.key === "/") goToSearch(event);
    if (event.key === "Escape") leave(event);
    if (event.key in STEPS && !event.shiftKey) step(event);
  });
}
