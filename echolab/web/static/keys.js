// Keys that work everywhere: / goes to the search, Esc leaves.

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

/** Esc empties a search, then leaves it; elsewhere it leaves a connection. */
function leave(event) {
  const { target } = event;
  if (isTyping(event)) {
    if (!target.value) target.blur();
    return; // the browser empties it
  }
  if (window.location.hash.length > 2) window.location.hash = "#/";
}

/** Listen to the keys of the whole page. */
export function listenToKeys() {
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    if (event.key === "/") goToSearch(event);
    if (event.key === "Escape") leave(event);
  });
}
