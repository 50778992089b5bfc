// Reports: a button prints them.
"use strict";
document.addEventListener("click", (event) => event.target.closest("[data-print]") && window.print());
