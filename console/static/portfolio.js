// The load of 30 days: cases opened as bars, cases decided as a line, what can be worked as a dashed one.
"use strict";
(() => {
  const place = document.getElementById("chart");
  const { zone, labels, data } = JSON.parse(place.dataset.chart);
  const HEIGHT_PX = 240;
  const DAY_S = 86400;
  let chart = null;

  function colour(name) {
    const probe = document.createElement("span");
    probe.style.color = `var(--${name})`;
    place.append(probe);
    const found = getComputedStyle(probe).color;
    probe.remove();
    return found;
  }
  function draw() {
    chart?.destroy();
    const [ink, line, opened, decided, most] = ["quiet", "line", "medium", "accent", "critical"].map(colour);
    const axis = { stroke: ink, grid: { stroke: line, width: 1 }, ticks: { stroke: line } };
    const whole = (_, value) => (value == null ? "–" : value.toLocaleString("en-US"));
    const day = (_, value) => (value == null ? "–" : uPlot.fmtDate("{YYYY}-{MM}-{DD}")(uPlot.tzDate(new Date(value * 1e3), zone)));
    chart = new uPlot({
      width: place.clientWidth, height: HEIGHT_PX,
      tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1e3), zone),
      cursor: { y: false, drag: { setScale: false, x: false } },
      scales: { x: { time: true, range: (_, first, last) => [first - DAY_S / 2, last + DAY_S / 2] }, y: { range: (_, __, greatest) => [0, Math.max(greatest * 1.1, 1)] } },
      axes: [
        { ...axis, values: (_, splits) => splits.map((each) => uPlot.fmtDate("{MM}-{DD}")(uPlot.tzDate(new Date(each * 1e3), zone))) },
        { ...axis, size: 48, incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 1e4, 1e5, 1e6] },
      ],
      series: [
        { label: labels[0], value: day },
        { label: labels[1], value: whole, stroke: opened, fill: opened, paths: uPlot.paths.bars({ size: [0.6, 40] }), points: { show: false } },
        { label: labels[2], value: whole, stroke: decided, width: 2, points: { show: true, size: 5 } },
        { label: labels[3], value: whole, stroke: most, width: 1.5, dash: [6, 5], points: { show: false } },
      ],
    }, data, place);
  }
  draw();
  new ResizeObserver(() => place.clientWidth && chart.setSize({ width: place.clientWidth, height: HEIGHT_PX })).observe(place);
  for (const media of ["(prefers-color-scheme: dark)", "print"]) matchMedia(media).addEventListener("change", draw);
})();
