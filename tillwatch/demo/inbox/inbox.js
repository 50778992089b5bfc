// Shows what came, with links that open as on a phone: a window as narrow as one.
"use strict";
(() => {
  const list = document.getElementById("messages");
  const none = document.getElementById("none");
  const gone = document.getElementById("gone");
  const LINK = /(https?:\/\/[^\s<>"）)]+)/;
  let shown = 0;

  function element(name, text) {
    const made = document.createElement(name);
    made.textContent = text;
    return made;
  }
  function message({ at_ms: atMs, to, text }) {
    const item = document.createElement("li");
    const time = element("time", `${new Date(atMs).toLocaleTimeString()}${to ? ` · ${to}` : ""}`);
    const words = document.createElement("p");
    text.split(LINK).forEach((part, at) => {
      if (at % 2 === 0) return words.append(part);
      const link = element("a", part.length > 44 ? `${part.slice(0, 43)}…` : part);
      link.href = part;
      link.addEventListener("click", (event) => {
        event.preventDefault();
        const phone = window.open(part, "tillwatch-phone", "width=390,height=844");
        if (phone) phone.opener = null;
      });
      words.append(link);
    });
    item.append(time, words);
    return item;
  }
  async function read() {
    try {
      const found = await (await fetch("/messages")).json();
      const fresh = found.filter((each) => each.number > shown);
      for (const each of fresh) list.append(message(each));
      shown = Math.max(shown, ...fresh.map((each) => each.number));
      none.hidden = shown > 0;
      gone.hidden = true;
      if (fresh.length) list.lastElementChild.scrollIntoView({ block: "end" });
    } catch {
      gone.hidden = false;
    }
    setTimeout(read, 1000);
  }
  read();
})();
