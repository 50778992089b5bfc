// The rep's answer on a bad connection: a draft is kept on the phone, photos go part by part, and all goes on by itself.
"use strict";
(() => {
  const form = document.getElementById("answer");
  if (!form || !window.fetch || !window.crypto || !crypto.subtle) return; // without them the form is sent as it is
  document.documentElement.classList.add("scripted");
  const told = form.dataset, task = told.task, draftName = `tillwatch-task-${task}`;
  const status = document.getElementById("status");
  const MESSENGER = /MicroMessenger|wxwork|DingTalk|Lark|Feishu/i.test(navigator.userAgent);
  const TRY_S = [1, 2, 4, 8, 15], GIVE_UP_S = 40;

  // -- the draft
  const fields = () => [...form.elements].filter((each) => each.name && each.type !== "file" && !["phone_ms", "lat", "lon", "accuracy_m", "coord_sys"].includes(each.name));
  function keep() {
    const kept = {};
    for (const each of fields()) if (each.type !== "radio" || each.checked) kept[each.name] = each.value;
    try { localStorage.setItem(draftName, JSON.stringify(kept)); return true; } catch { return false; }
  }
  function restore() {
    let kept = null;
    try { kept = JSON.parse(localStorage.getItem(draftName) || "null"); } catch { kept = null; }
    for (const each of kept ? fields() : []) {
      if (each.type === "radio") each.checked = kept[each.name] === undefined ? each.defaultChecked : kept[each.name] === each.value;
      else if (kept[each.name] !== undefined) each.value = kept[each.name];
    }
    if (!kept) form.elements.key.value = random();
    if (kept) say(told.kept);
  }
  const random = () => [...crypto.getRandomValues(new Uint8Array(16))].map((each) => each.toString(16).padStart(2, "0")).join("");
  function say(words, bad = false) {
    status.textContent = words;
    status.className = bad ? "small bad" : "small";
  }
  function fold() {
    form.classList.add("folded");
    for (const each of form.querySelectorAll(".check")) {
      const note = each.querySelector("input:not([type])"), no = each.querySelector("input[value=differs]");
      each.classList.toggle("noted", no.checked || note.value !== "");
    }
  }
  form.addEventListener("input", () => { fold(); if (keep()) say(told.kept); });
  const yes = document.getElementById("all-yes");
  if (yes) {
    yes.hidden = false;
    yes.addEventListener("click", () => {
      for (const each of form.querySelectorAll(".check input[value=ok]")) each.checked = true;
      form.dispatchEvent(new Event("input"));
    });
  }

  // -- requests that are sent again until they come through
  const wait = (s) => new Promise((done) => {
    const timer = setTimeout(end, s * 1000);
    function end() { clearTimeout(timer); window.removeEventListener("online", end); done(); }
    window.addEventListener("online", end);
  });
  async function send(path, options = {}) {
    for (let tries = 0; ; tries += 1) {
      const stop = new AbortController(), timer = setTimeout(() => stop.abort(), GIVE_UP_S * 1000);
      try {
        const answer = await fetch(path, { ...options, signal: stop.signal, credentials: "same-origin", headers: { Accept: "application/json", "X-CSRF-Token": told.csrf, ...(options.headers || {}) } });
        if (answer.status < 500 && answer.status !== 429 && answer.status !== 408) return answer;
      } catch { /* no network: it is sent again */ } finally { clearTimeout(timer); }
      say(told.offline);
      await wait(TRY_S[Math.min(tries, TRY_S.length - 1)]);
    }
  }

  // -- photos that wait: kept by the browser, so that a page that is closed goes on with them
  const opened = new Promise((done) => {
    try {
      const asked = indexedDB.open("tillwatch-photos", 1);
      asked.onupgradeneeded = () => asked.result.createObjectStore("photos", { keyPath: "id" });
      asked.onsuccess = () => done(asked.result);
      asked.onerror = () => done(null);
    } catch { done(null); }
  });
  const stored = async (mode, act) => {
    const database = await opened;
    if (!database) return null;
    return new Promise((done) => {
      const asked = act(database.transaction("photos", mode).objectStore("photos"));
      asked.onsuccess = () => done(asked.result);
      asked.onerror = () => done(null);
    });
  };
  const waiting = new Map(); // by slot and hash
  let all = 0, sending = null;

  async function add(slot, file) {
    if (file.size > Number(told.most)) { say(told.large, true); return; }
    const data = await file.arrayBuffer();
    const hash = [...new Uint8Array(await crypto.subtle.digest("SHA-256", data))].map((each) => each.toString(16).padStart(2, "0")).join("");
    const photo = { id: `${task}/${slot}/${hash}`, task, slot, hash, data, type: file.type, phone_ms: file.lastModified || 0 };
    if (waiting.has(photo.id)) return;
    await stored("readwrite", (store) => store.put(photo));
    queue(photo);
  }
  function queue(photo) {
    const figure = document.createElement("figure"), image = document.createElement("img"), bar = document.createElement("progress"), caption = document.createElement("figcaption");
    image.src = URL.createObjectURL(new Blob([photo.data], { type: photo.type }));
    image.alt = "";
    bar.max = Math.max(1, Math.ceil(photo.data.byteLength / Number(told.chunk)));
    bar.value = 0;
    caption.append(bar);
    figure.append(image, caption);
    form.querySelector(`[data-slot="${photo.slot}"] .sent`)?.append(figure);
    waiting.set(photo.id, { photo, figure, bar, caption });
    all += 1;
    if (!sending) sending = upload().finally(() => { sending = null; });
  }
  async function upload() {
    while (waiting.size) {
      const [id, each] = waiting.entries().next().value;
      progress();
      const good = await one(each);
      waiting.delete(id);
      await stored("readwrite", (store) => store.delete(id));
      each.caption.textContent = good ? "✓" : told.photoBad;
      each.caption.className = good ? "ok" : "bad";
      if (!good) { each.figure.querySelector("img").remove(); say(told.photoBad, true); all -= 1; }
    }
    if (status.className === "small") say(told.kept);
  }
  const progress = () => say(told.sending.replace("{n}", all - waiting.size).replace("{m}", all));
  async function one({ photo, bar }) {
    const path = `/phone/tasks/${task}/photos/${photo.hash}`, size = Number(told.chunk);
    const known = await send(path);
    if (!known.ok) return lost(known);
    const have = new Set((await known.json()).have);
    for (let number = 0; number < bar.max; number += 1) {
      if (!have.has(number)) {
        const part = photo.data.slice(number * size, (number + 1) * size);
        const answer = await send(`${path}/${number}`, { method: "POST", body: part, headers: { "Content-Type": "application/octet-stream" } });
        if (!answer.ok) return lost(answer);
      }
      bar.value = number + 1;
      progress();
    }
    const answer = await send(path, { method: "POST", body: new URLSearchParams({ slot: photo.slot, phone_ms: photo.phone_ms }) });
    return answer.ok || lost(answer);
  }
  function lost(answer) {
    if (answer.status === 401) say(told.signedOut, true);
    return false;
  }
  for (const each of form.querySelectorAll("input[type=file]")) {
    each.addEventListener("change", async () => {
      const chosen = [...each.files];
      each.value = ""; // it goes by itself, not with the form
      for (const file of chosen) await add(each.name.slice("photo_".length), file);
    });
  }

  // -- the position, if the rep agrees
  const place = document.getElementById("place"), ask = document.getElementById("add-place");
  if (navigator.geolocation) place.hidden = false;
  const asked = ask.textContent;
  function put(position) {
    const at = position ? position.coords : null;
    form.elements.lat.value = at ? at.latitude : "";
    form.elements.lon.value = at ? at.longitude : "";
    form.elements.accuracy_m.value = at ? at.accuracy : "";
    // What a messenger's browser gives may be shifted to a map of China: it is told as not known.
    form.elements.coord_sys.value = at && !MESSENGER ? "wgs84" : "";
    ask.textContent = at ? ask.dataset.added : asked;
    ask.setAttribute("aria-pressed", String(Boolean(at)));
  }
  ask.addEventListener("click", () => {
    if (form.elements.lat.value) { put(null); return; }
    ask.textContent = ask.dataset.asking;
    navigator.geolocation.getCurrentPosition(put, () => { put(null); ask.textContent = ask.dataset.none; }, { enableHighAccuracy: true, timeout: 20000 });
  });

  // -- the answer
  form.noValidate = true;
  const button = form.querySelector(".bar button");
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (!new FormData(form).get("outcome")) {
      say(told.missing, true);
      form.querySelector("[name=outcome]").focus();
      return;
    }
    if (!form.querySelector(".sent img") && !form.elements.text.value.trim()) {
      say(told.nothing, true);
      return;
    }
    button.disabled = true;
    keep();
    try {
      if (sending) await sending;
      if (!form.querySelector(".sent img") && !form.elements.text.value.trim()) return;
      say(told.saving);
      form.elements.phone_ms.value = Date.now();
      const given = new FormData(form);
      for (const each of [...given.keys()]) if (each.startsWith("photo_")) given.delete(each);
      const answer = await send(form.action, { method: "POST", body: new URLSearchParams(given) });
      if (answer.ok) {
        localStorage.removeItem(draftName);
        location.replace(`/phone/tasks/${task}`);
        return;
      }
      const words = answer.status === 401 ? told.signedOut : told.bad.replace("{x}", (await answer.json().catch(() => ({}))).told || answer.status);
      say(words, true);
    } finally { button.disabled = false; }
  });

  restore();
  fold();
  stored("readonly", (store) => store.getAll()).then((kept) => { for (const each of kept || []) if (each.task === task) queue(each); });
})();
