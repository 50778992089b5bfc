// What every page does: changes carry the token, events say that something changed, notices close, keys have help.
"use strict";
(() => {
  const meta = (name) => document.querySelector(`meta[name="${name}"]`)?.content ?? "";

  document.addEventListener("htmx:configRequest", (event) => {
    event.detail.headers["X-CSRF-Token"] = meta("csrf");
  });
  // A refusal has words to show; htmx would drop them.
  document.addEventListener("htmx:beforeSwap", (event) => {
    const { xhr } = event.detail;
    if (xhr.status >= 400 && xhr.getResponseHeader("HX-Retarget")) {
      event.detail.shouldSwap = true;
      event.detail.isError = false;
    }
  });
  document.addEventListener("htmx:sendError", () => say(document.body.dataset.offline ?? "offline"));

  // Where tabs or links do not all fit, the one that one is on is seen.
  for (const bar of document.querySelectorAll("nav.main, .tabs")) {
    const here = bar.querySelector("[aria-current]");
    if (here) bar.scrollLeft = here.offsetLeft - bar.offsetLeft - (bar.clientWidth - here.clientWidth) / 2;
  }

  function say(words) {
    const notice = document.createElement("div");
    notice.className = "notice error";
    notice.setAttribute("role", "alert");
    const text = document.createElement("span");
    text.textContent = words;
    notice.append(text);
    document.getElementById("notices").append(notice);
    setTimeout(() => notice.remove(), 6000);
  }

  // -- notices: they go after a while, an undo counts down
  const LASTS_MS = 8000;
  document.addEventListener("click", (event) => {
    event.target.closest("[data-close]")?.closest(".notice").remove();
  });
  document.addEventListener("htmx:afterRequest", (event) => {
    if (event.detail.elt.matches?.("[data-undo]")) event.detail.elt.closest(".notice")?.remove();
  });
  document.addEventListener("htmx:load", (event) => {
    const found = event.detail.elt;
    for (const notice of found.matches?.(".notice") ? [found] : found.querySelectorAll?.("#notices .notice") ?? []) last(notice);
  });
  function last(notice) {
    const counter = notice.querySelector("[data-countdown]");
    if (!counter) {
      setTimeout(() => notice.remove(), LASTS_MS);
      return;
    }
    let left = Number(counter.dataset.countdown);
    counter.textContent = left;
    const tick = setInterval(() => {
      left -= 1;
      counter.textContent = left;
      if (left <= 0 || !notice.isConnected) {
        clearInterval(tick);
        notice.remove();
      }
    }, 1000);
  }

  // -- events: one connection a page; who wants to know listens for tillwatch:changed
  const light = document.getElementById("live");
  if (document.body.dataset.live && light) {
    const source = new EventSource(document.body.dataset.live);
    const show = (on) => {
      light.className = `live ${on ? "on" : "off"}`;
      light.textContent = on ? light.dataset.on : light.dataset.off;
    };
    source.addEventListener("open", () => show(true));
    source.addEventListener("error", () => show(false));
    source.addEventListener("changed", () => document.body.dispatchEvent(new CustomEvent("tillwatch:changed", { bubbles: true })));
    window.addEventListener("pagehide", () => source.close());
  }

  // -- keys that every page has; a page adds its own with window.tillwatch.keys
  const keys = { "/": () => document.getElementById("search")?.focus(), "?": help };
  window.tillwatch = { keys, say };
  document.addEventListener("keydown", (event) => {
    const typing = event.target.closest("input:not([type=checkbox], [type=radio]), textarea, select, [contenteditable]");
    if (typing) {
      if (event.key === "Escape") event.target.blur();
      return;
    }
    if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
    const act = keys[event.key];
    if (act) {
      event.preventDefault();
      act(event);
    }
  });
  document.addEventListener("click", (event) => event.target.closest("[data-help]") && help());
  function help() {
    document.querySelector("dialog#keys")?.showModal();
  }
})();
