// Search: j and k move among what was found; Enter follows the link, as it does anyway.
"use strict";
(() => {
  const hits = [...document.querySelectorAll("a.hit")];
  const move = (by) => {
    const at = hits.indexOf(document.activeElement);
    hits[at < 0 ? 0 : Math.min(Math.max(at + by, 0), hits.length - 1)]?.focus();
  };
  Object.assign(window.tillwatch.keys, { j: () => move(1), k: () => move(-1), ArrowDown: () => move(1), ArrowUp: () => move(-1) });
})();
