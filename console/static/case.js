// The page of a case: keys, alerts that are chosen, tables that are sorted, and a bar when others change the case.
"use strict";
(() => {
  const page = () => document.getElementById("case");
  const news = document.getElementById("news");

  // -- a change of one's own: the page is read again in its place, and nothing jumps
  let changing = 0; // requests under way that change something
  document.addEventListener("htmx:beforeRequest", (event) => {
    if (event.detail.requestConfig.verb !== "get") changing += 1;
  });
  document.addEventListener("htmx:afterRequest", (event) => {
    if (event.detail.requestConfig.verb !== "get") changing -= 1;
    if (event.detail.xhr.status === 409) look();
  });
  // Who was faster is said by the bar, in the language of the page, with what to do about it.
  document.addEventListener("htmx:beforeSwap", (event) => {
    if (event.detail.xhr.status === 409) event.detail.shouldSwap = false;
  });
  for (const name of ["case-saved", "case-changed"]) document.body.addEventListener(name, again);
  const CHOICES = "#case [name=alert_id], #case [name=txn]";
  let reading = false;
  let before = null; // what was open, begun and focused when the page was put in the place of the one before
  document.addEventListener("htmx:beforeSwap", (event) => {
    if (event.detail.target.id !== "case") return;
    before = {
      open: [...document.querySelectorAll("#case .alertbox[open]")].map((each) => each.id), forms: begunForms(),
      chosen: sent.includes("/decide/") ? [] : [...document.querySelectorAll(CHOICES)].filter((each) => each.checked).map((each) => each.value),
      focused: placeOf(document.activeElement), top: window.scrollY,
    };
  });
  let once = false; // whether it is to be read once more, for something came while it was read
  async function again() {
    if (reading) {
      once = true;
      return;
    }
    reading = true;
    try {
      await htmx.ajax("GET", location.pathname + location.search, { target: "#case", select: "#case", swap: "outerHTML" });
      hide();
      if (before) restore(before);
      before = null;
    } finally {
      reading = false;
      sent = "";
      if (once) setTimeout(again);
      once = false;
    }
  }
  function restore({ open, forms, chosen, focused, top }) {
    for (const id of open) document.getElementById(id)?.setAttribute("open", "");
    for (const [path, values] of forms) refill(path, values);
    for (const each of document.querySelectorAll(CHOICES)) each.checked = chosen.includes(each.value);
    choose();
    window.scrollTo({ top });
    (document.querySelector(focused) ?? document.querySelector("#case h1")).focus({ preventScroll: true });
    for (const counter of document.querySelectorAll("#case [data-countdown]")) countdown(counter);
  }
  /** How the element that has the focus is found again; the page's title where it cannot be. */
  function placeOf(element) {
    if (element?.id && document.getElementById("case").contains(element)) return `#${CSS.escape(element.id)}`;
    const path = element?.form && pathOf(element.form);
    return path && path !== sent && element.name ? `#case [hx-post="${path}"] [name="${element.name}"]` : "#case h1";
  }
  // What was begun in other forms meanwhile is put back into them.
  let sent = ""; // where the form went that this page follows on
  document.addEventListener("htmx:beforeRequest", (event) => {
    sent = event.detail.requestConfig.verb === "get" ? sent : event.detail.requestConfig.path;
  });
  const isWord = (each) => each.matches("textarea, select, input:not([type=file], [type=hidden])");
  const pathOf = (form) => form.getAttribute("hx-post");
  function begunForms() {
    const forms = [...document.querySelectorAll("#case .act[open] form, #case form.write")];
    return forms.filter((form) => pathOf(form) !== sent).map((form) => [
      pathOf(form), [...form.elements].filter(isWord).map((each) => [each.value, each.checked]),
    ]);
  }
  function refill(path, values) {
    const form = [...document.querySelectorAll("#case form")].find((each) => pathOf(each) === path);
    if (!form) return;
    form.closest(".act")?.setAttribute("open", "");
    [...form.elements].filter(isWord).forEach((each, at) => {
      if (values[at]) [each.value, each.checked] = values[at];
    });
  }
  function countdown(counter) {
    let left = Number(counter.dataset.countdown);
    const tick = setInterval(() => {
      left -= 1;
      counter.textContent = left;
      if (left > 0 && counter.isConnected) return;
      clearInterval(tick);
      counter.closest(".notice")?.remove();
    }, 1000);
  }
  for (const notice of document.querySelectorAll("#case [data-countdown]")) countdown(notice);

  // -- changes by others: a bar says so, and the page stays as it is until one wants it
  let waits = null;
  document.body.addEventListener("tillwatch:changed", () => {
    waits ??= setTimeout(() => {
      waits = null;
      look();
    }, 300);
  });
  async function look() {
    if (changing || reading) return;
    const { case: id, version, entry } = page().dataset;
    try {
      const answer = await fetch(`/cases/${id}/news?version=${version}&entry=${entry}`, { headers: { "HX-Request": "true" } });
      if (answer.status !== 200 || changing || reading) return;
      news.innerHTML = await answer.text();
      news.hidden = false;
    } catch {
      // the connection is gone: the light in the bar says so, and the next event looks again
    }
  }
  function hide() {
    news.hidden = true;
    news.textContent = "";
  }
  news.addEventListener("click", (event) => event.target.closest("[data-again]") && again());

  // -- alerts and transactions that are chosen: they go with the forms that say so
  document.addEventListener("htmx:configRequest", (event) => {
    const name = event.detail.elt.dataset.with;
    if (!name) return;
    event.detail.formData.delete(name);
    for (const each of document.querySelectorAll(`#case [name=${name}]:checked`)) event.detail.formData.append(name, each.value);
  });
  const checked = (name) => document.querySelectorAll(`#case [name=${name}]:checked`).length;
  function choose() {
    const bar = document.getElementById("chosen"), which = document.getElementById("on-which"), txns = document.querySelector("[data-txns]");
    const count = checked("alert_id");
    if (bar) {
      bar.hidden = !count;
      const words = bar.querySelector("[data-count]");
      words.textContent = words.dataset.words.replace("{n}", count);
    }
    if (which) which.textContent = count ? which.dataset.some.replace("{n}", count) : which.dataset.all;
    if (txns) {
      txns.dataset.none ??= txns.textContent;
      const chosen = checked("txn");
      txns.textContent = chosen ? txns.dataset.txns.replace("{n}", chosen) : txns.dataset.none;
    }
  }
  document.addEventListener("change", (event) => {
    if (event.target.matches("#case [name=alert_id], #case [name=txn]")) choose();
    const { most, tooLarge } = event.target.dataset ?? {};
    if (most) event.target.setCustomValidity(event.target.files[0]?.size > Number(most) ? tooLarge : "");
  });
  document.addEventListener("click", (event) => {
    const other = event.target.closest("[data-other]"); // a form's second button sends it elsewhere
    if (!other || !other.form.reportValidity()) return;
    htmx.ajax("POST", other.dataset.other, { source: other.form, swap: "none", values: Object.fromEntries(new FormData(other.form)) });
  });

  // -- tables that are sorted by a column
  document.addEventListener("click", (event) => {
    const head = event.target.closest("table[data-sort] button.sort")?.closest("th");
    if (!head) return;
    const down = head.getAttribute("aria-sort") === "ascending";
    for (const each of head.parentElement.children) each.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", down ? "descending" : "ascending");
    const at = [...head.parentElement.children].indexOf(head);
    const value = (row) => row.children[at].dataset.value ?? row.children[at].textContent.trim();
    const body = head.closest("table").tBodies[0];
    const isNumber = head.matches(".number");
    const order = (one, other) => {
      const [a, b] = [value(one), value(other)];
      if (a === "" || b === "") return (a === "") - (b === ""); // what is not known comes last, either way
      const found = isNumber ? Number(a) - Number(b) : a.localeCompare(b);
      return down ? -found : found;
    };
    body.append(...[...body.rows].sort(order));
  });

  // -- keys, as in the queue
  function open(id) {
    const form = document.getElementById(id);
    if (!form) return;
    form.open = true;
    form.scrollIntoView({ block: "nearest" });
    form.querySelector("select, textarea, input:not([type=hidden])")?.focus();
  }
  const click = (id) => document.getElementById(id)?.click();
  const { keys } = window.tillwatch;
  Object.assign(keys, {
    t: () => click("take"), e: () => open("escalate"), s: () => open("snooze"),
    m: () => document.getElementById("comment")?.focus(), q: () => click("to-queue"),
    "[": () => click("case-before"), "]": () => click("case-after"),
    u: () => document.querySelector("[data-undo]")?.click(), g: () => !news.hidden && again(),
  });
  for (const verdict of ["confirmed", "false_alarm", "lawful_change", "data_error"]) keys[verdict[0]] = () => open(`give-${verdict}`);
  document.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && event.target.matches("#case textarea")) event.target.form.requestSubmit();
    if (event.key !== "Escape") return;
    const form = event.target.closest("#case .act[open]") ?? document.querySelector("#case .act[open]");
    if (!form) return;
    form.open = false;
    form.querySelector("summary").focus({ preventScroll: true });
  });

  // -- an alert that the address names is unfolded
  function unfold() {
    const named = location.hash.startsWith("#alert-") ? document.getElementById(location.hash.slice(1)) : null;
    if (named) named.open = true;
  }
  addEventListener("hashchange", unfold);
  unfold();
})();
