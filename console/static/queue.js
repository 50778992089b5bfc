// The queue: a cursor over its rows, keys that act on the row under it, and changes by others that do not move it.
"use strict";
(() => {
  const rows = document.getElementById("rows");
  const queue = document.getElementById("queue");
  const arrived = document.getElementById("arrived");
  const VERDICTS = { c: "confirmed", f: "false_alarm", l: "lawful_change", d: "data_error" };
  let cursor = null; // the number of the case under it

  const cases = () => [...rows.querySelectorAll("tr.case:not(.gone)")];
  const row = (id) => document.getElementById(`case-${id}`);
  const current = () => (cursor && row(cursor)?.matches(":not(.gone)") ? row(cursor) : null);

  // -- the cursor
  function put(target, scroll = true) {
    current()?.classList.remove("cursor");
    document.querySelectorAll("tr.cursor").forEach((each) => each.classList.remove("cursor"));
    cursor = target?.dataset.case ?? null;
    if (!target) return;
    target.classList.add("cursor");
    if (scroll) target.scrollIntoView({ block: "nearest" });
  }
  function move(by) {
    const all = cases();
    const at = all.indexOf(current());
    put(all[Math.min(Math.max(at + by, 0), all.length - 1)]);
    if (by > 0 && at >= all.length - 3) rows.querySelector("tr.next")?.click();
  }
  rows.addEventListener("click", (event) => {
    const target = event.target.closest("tr.case");
    if (target) put(target, false);
    if (event.target.closest("[data-take]")) act("take");
  });
  rows.addEventListener("change", (event) => {
    if (event.target.closest("td.pick")) pick(event.target.closest("tr.case"), event.target.checked);
  });
  function pick(target, on) {
    target.classList.toggle("picked", on);
    target.querySelector("td.pick input").checked = on;
    const button = document.getElementById("bulk");
    const picked = [...rows.querySelectorAll("tr.picked")].map((each) => each.dataset.case);
    if (!button) return;
    button.dataset.all ??= button.textContent;
    button.dataset.path ??= button.getAttribute("hx-get");
    button.textContent = picked.length ? `${picked.length} …` : button.dataset.all;
    button.setAttribute("hx-get", picked.length ? `/queue/bulk?cases=${picked.join(",")}` : button.dataset.path);
    htmx.process(button);
  }

  // -- what is done to the row under the cursor: sent in the order of the keys, so that none overtakes another
  const own = new Map(); // by case, the version that a change of one's own has made
  let answered = Promise.resolve(); // fulfilled when nothing is under way
  function send(path, values) {
    const sent = () => htmx.ajax("POST", path, { source: "#sends", target: "#notices", swap: "beforeend", values });
    answered = answered.then(sent).catch(() => {}); // a notice says that the connection is gone
    return answered;
  }
  document.addEventListener("htmx:configRequest", ({ detail }) => {
    const made = own.get(detail.path.split("/")[2]);
    if (detail.elt.id === "sends" && made === Number(detail.parameters.version) + 1) detail.parameters.version = made;
  });
  function act(what) {
    const target = current();
    if (!target) return;
    const { case: id, version } = target.dataset;
    send(`/cases/${id}/${what}`, { version, from: "queue" });
  }
  // The line is in the page already, so the next key finds it there.
  function ask(what) {
    const target = current(), line = document.getElementById(`ask-${what}`);
    if (!target || !line) return;
    close();
    const place = line.content.firstElementChild.cloneNode(true), form = place.querySelector("form");
    place.id = "answer";
    const csrf = document.querySelector("meta[name=csrf]").content;
    form.dataset.case = target.dataset.case;
    form.action = `/cases/${target.dataset.case}/${form.dataset.path}?csrf=${csrf}`;
    form.elements.version.value = target.dataset.version;
    if (what === "confirmed" && target.dataset.usual) form.elements.reason_code.value = target.dataset.usual;
    show(place, target);
  }
  function show(place, target) {
    target.after(place);
    place.querySelector("select, input:not([type=hidden])").focus();
  }
  const answer = () => document.getElementById("answer");
  const close = () => answer()?.remove();
  const isAnswered = (id) => answer()?.querySelector("form").dataset.case === id; // whether a line of it is open
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") close();
  });
  // A reason is chosen by its first letters and Enter leads on to the comment, Enter there sends.
  rows.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && event.target.matches("#answer select")) {
      event.preventDefault();
      event.target.form.querySelector("input[name=comment]").focus();
    }
  });
  // What is sent leaves its line, and keys go to the next row; refused, it is there again to be mended.
  rows.addEventListener("submit", (event) => {
    const form = event.target, place = form.closest("#answer");
    if (!place) return;
    event.preventDefault();
    const { case: id } = form.dataset, values = Object.fromEntries(new FormData(form));
    place.remove();
    row(id)?.classList.add("sending");
    if (cursor === id && form.dataset.path !== "escalate") move(1);
    let taken = false;
    const told = ({ detail }) => { taken ||= detail.case === id; };
    const KINDS = ["case-done", "case-changed"];
    for (const name of KINDS) document.body.addEventListener(name, told);
    send(new URL(form.action).pathname, values).then(() => {
      for (const name of KINDS) document.body.removeEventListener(name, told);
      const shown = row(id);
      shown?.classList.remove("sending");
      if (taken || !shown || answer()) return;
      put(shown);
      show(place, shown);
    });
  });
  rows.addEventListener("click", (event) => event.target.closest("[data-leave]") && close());
  // The newest is taken back first, once the server has said what there is.
  async function undo() {
    await answered;
    [...document.querySelectorAll("#notices [data-undo]:not(.htmx-request)")].at(-1)?.click();
  }

  const next = (from) => {
    const all = cases();
    const after = all.slice(all.indexOf(from) + 1);
    return after.find((each) => !each.dataset.holder) ?? all.find((each) => !each.dataset.holder);
  };
  const { keys } = window.tillwatch;
  Object.assign(keys, {
    j: () => move(1), k: () => move(-1), ArrowDown: () => move(1), ArrowUp: () => move(-1),
    n: () => put(next(current())),
    t: () => act("take"), e: () => ask("escalate"), s: () => ask("snooze"),
    x: () => current() && pick(current(), !current().classList.contains("picked")),
    u: undo,
    g: () => !arrived.hidden && arrived.click(),
    Enter: () => current()?.querySelector("a.name").click(),
    o: () => current()?.querySelector("a.name").click(),
  });
  for (const [key, verdict] of Object.entries(VERDICTS)) keys[key] = () => ask(verdict);

  // -- many at once
  const dialog = document.getElementById("dialog");
  dialog.addEventListener("htmx:afterSwap", () => {
    if (!dialog.open && dialog.querySelector("form")) dialog.showModal();
  });
  dialog.addEventListener("click", (event) => event.target.closest("[data-dismiss]") && dialog.close());

  // -- answers of the server: what became of a case
  document.body.addEventListener("case-done", (event) => {
    const target = row(event.detail.case);
    if (!target) return;
    const follows = target.matches(".cursor") ? cases()[cases().indexOf(target) + 1] : null;
    if (isAnswered(event.detail.case)) close();
    target.remove();
    if (follows) put(follows);
    refresh();
  });
  document.body.addEventListener("case-changed", ({ detail }) => {
    if (detail.version) own.set(detail.case, detail.version);
    dialog.close();
    mine = true;
    refresh();
  });

  // -- changes by others: the page is read again, and rows are put where the cursor is not moved
  let reading = false;
  let mine = false; // what one has changed oneself is shown where it belongs, the cursor stays with its case
  let again = false; // whether something came while it was read
  async function refresh() {
    if (reading) {
      again = true;
      return;
    }
    reading = true;
    const shown = cases().length, isMine = mine;
    mine = false; // what is set from here on is the next reading's
    try {
      const found = await fetch(`/queue?${queue.dataset.query}&most=${Math.max(50, Math.min(shown + 5, 200))}`, { headers: { "HX-Request": "true", "X-Live": "1" } });
      if (found.ok) merge(await found.text(), isMine);
    } catch {
      mine ||= isMine;
      // the connection is gone: the light in the bar says so, and the next event reads again
    } finally {
      reading = false;
      if (again) {
        again = false;
        setTimeout(refresh, 100);
      }
    }
  }
  function merge(html, isMine) {
    const found = new DOMParser().parseFromString(`<table><tbody>${html}</tbody></table>`, "text/html");
    const live = found.querySelector("template#live")?.content;
    const counts = live?.getElementById("counts");
    if (counts) document.getElementById("counts").replaceWith(document.adoptNode(counts));
    const sums = live?.getElementById("sums");
    if (sums) document.getElementById("sums").replaceWith(document.adoptNode(sums));
    const told = live?.getElementById("told");
    if (told && told.textContent !== document.getElementById("told").textContent) document.getElementById("told").replaceWith(document.adoptNode(told));
    const fresh = [...found.querySelectorAll("tr.case")];
    const known = new Map(cases().map((each) => [each.dataset.case, each]));
    const listed = new Set(fresh.map((each) => each.dataset.case));
    const whole = !found.querySelector("tr.next");
    for (const [id, each] of known) {
      const last = fresh.at(-1);
      const within = whole || (last && known.has(last.dataset.case) && each.compareDocumentPosition(known.get(last.dataset.case)) & Node.DOCUMENT_POSITION_FOLLOWING);
      if (!listed.has(id) && within && id !== cursor && !isAnswered(id) && !each.matches(".picked")) each.remove();
      else if (!listed.has(id) && within) each.classList.add("gone");
    }
    const place = cursor ? fresh.findIndex((each) => each.dataset.case === cursor) : -1;
    const looking = !isMine && (cursor || window.scrollY > 40);
    const above = [];
    let before = null;
    fresh.forEach((each, at) => {
      const old = known.get(each.dataset.case);
      if (old) {
        if (old.dataset.version !== each.dataset.version || old.dataset.holder !== each.dataset.holder) replace(old, each);
        before = row(each.dataset.case);
      } else if (looking && at < Math.max(place, 0) + (cursor ? 0 : fresh.length)) {
        above.push(each);
      } else {
        row(each.dataset.case)?.remove(); // it was gone, and is back
        document.adoptNode(each);
        each.classList.add("changed");
        if (before) before.after(each);
        else rows.prepend(each);
        htmx.process(each);
        before = each;
      }
    });
    offer(above.length);
    if (cases().length) rows.querySelector("tr.none")?.remove();
    else if (!rows.querySelector("tr.none")) rows.innerHTML = html;
  }
  function replace(old, each) {
    document.adoptNode(each);
    for (const name of ["cursor", "picked", "sending"]) each.classList.toggle(name, old.classList.contains(name));
    each.classList.add("changed");
    if (old.classList.contains("picked")) each.querySelector("td.pick input").checked = true;
    old.replaceWith(each);
    htmx.process(each);
  }
  function offer(number) {
    arrived.hidden = !number;
    arrived.textContent = queue.dataset.arrived.replace("{n}", number);
  }
  arrived.addEventListener("click", () => {
    put(null);
    window.scrollTo({ top: 0 });
    refresh();
  });
  let waits = null;
  document.body.addEventListener("tillwatch:changed", () => {
    waits ??= setTimeout(() => {
      waits = null;
      refresh();
    }, 150);
  });
  window.addEventListener("online", refresh);

  // -- filters act as they are chosen
  document.getElementById("filters").addEventListener("change", (event) => {
    if (event.target.matches("select, input[type=checkbox]")) event.target.form.requestSubmit();
  });
  document.getElementById("filters").addEventListener("formdata", (event) => {
    for (const [name, value] of [...event.formData]) if (value === "") event.formData.delete(name);
  });
})();
