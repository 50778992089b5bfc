// Visits by distance: the phone's position is asked for once its button is pressed, and goes with that request alone.
"use strict";
(() => {
  const MESSENGER = /MicroMessenger|wxwork|DingTalk|Lark|Feishu/i.test(navigator.userAgent);
  const form = document.getElementById("near"), button = form.querySelector("button");
  form.hidden = !navigator.geolocation;
  form.addEventListener("submit", (event) => {
    if (form.elements.lat.value) return;
    event.preventDefault();
    button.textContent = form.dataset.asking;
    navigator.geolocation.getCurrentPosition(({ coords }) => {
      form.elements.lat.value = coords.latitude;
      form.elements.lon.value = coords.longitude;
      // What a messenger's browser gives may be shifted to a map of China: it is told as not known.
      form.elements.coord_sys.value = MESSENGER ? "" : "wgs84";
      form.submit();
    }, () => { button.textContent = form.dataset.none; }, { enableHighAccuracy: true, timeout: 20000 });
  });
})();
