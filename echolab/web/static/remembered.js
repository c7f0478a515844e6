// Choices that outlive a reload, but not the tab.

/** Return the choice that was made, if it is one of `options`; else the usual one. */
export function recall(name, options, usual) {
  let kept = null;
  try {
    kept = sessionStorage.getItem(name);
  } catch {
    // The browser keeps nothing.
  }
  return options.find((each) => String(each) === kept) ?? usual;
}

export function remember(name, choice) {
  try {
    sessionStorage.setItem(name, choice);
  } catch {
    // See above.
  }
}
