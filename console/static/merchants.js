// The charts of a merchant: drawn by uPlot from data-chart, followed by pointer and arrow keys, all on one day. And the
// field that finds columns. Everything they show stands in tables of the page, too.
"use strict";
(() => {
  const GRADE = { A: "good", B: "good", C: "medium", D: "high", E: "critical" };
  const MARK = { alert: ["▲", "critical"], verdict: ["✓", "good"], version: ["◆", "medium"], visit: ["●", "high"] };
  const drawn = new Map(); // element → uPlot

  /** A colour of the stylesheet as the canvas takes it: light-dark() is resolved by an element that wears it. */
  function colour(name, share = 1) {
    const probe = document.createElement("i");
    probe.style.color = `var(--${name})`;
    document.body.append(probe);
    const found = getComputedStyle(probe).color;
    probe.remove();
    return share === 1 ? found : found.replace(/^rgba?\(([^,)]+),([^,)]+),([^,)]+).*$/, `rgba($1,$2,$3,${share})`);
  }
  const chartColour = (name, share) => colour(name.includes("-") ? `chart-${name}` : name, share);

  function figures(lang) {
    const of = (digits) => new Intl.NumberFormat(lang === "zh" ? "zh-CN" : "en", { maximumFractionDigits: digits });
    const [whole, one, three] = [of(0), of(1), of(3)];
    const seldom = (decades) => {
      const days = 10 ** decades;
      if (days < 2) return lang === "zh" ? "寻常" : "any day";
      const [span, en, zh] = days < 1000 ? [days, "days", "天"] : [days / 365, "years", "年"];
      const told = three.format(Number(span.toPrecision(2)));
      return lang === "zh" ? `约${told}${zh}一遇` : `once in ${told} ${en}`;
    };
    const power = (value) => (Number.isInteger(value) ? `${whole.format(10 ** value)}${lang === "zh" ? "天" : " d"}` : "");
    return (value, unit, isTick = false) => {
      if (value == null) return "–";
      if (unit === "decades") return isTick ? power(value) : seldom(value);
      if (unit === "percent") return `${three.format(value)}%`;
      return (unit === "count" ? whole : one).format(value);
    };
  }

  /** Bars upon bars: each row's values become the sum up to it. The topmost is drawn first. */
  function stacked(series) {
    const sums = [];
    return series.map((each) => each.values.map((value, at) => {
      sums[at] = (sums[at] ?? 0) + (value ?? 0);
      return value == null && !sums[at] ? null : sums[at];
    }));
  }

  function draw(element) {
    const chart = JSON.parse(element.dataset.chart);
    const lang = element.dataset.lang;
    const figure = figures(lang);
    const day = new Intl.DateTimeFormat(lang === "zh" ? "zh-CN" : "en-GB", { timeZone: "UTC", day: "numeric", month: "short", year: "numeric" });
    const isStack = chart.series.every((each) => each.draws === "stack");
    const order = isStack ? [...chart.series.keys()].reverse() : [...chart.series.keys()];
    const heights = isStack ? stacked(chart.series) : chart.series.map((each) => each.values);
    const values = order.map((at) => heights[at]);
    const bars = uPlot.paths.bars({ size: [0.8, 26] });
    const paths = { bars, stack: bars, step: uPlot.paths.stepped({ align: 1 }) };
    const series = order.map((at) => {
      const each = chart.series[at];
      const ink = chartColour(each.colour);
      const isBar = each.draws === "bars" || each.draws === "stack";
      return {
        label: each.label, stroke: each.draws === "edge" ? "transparent" : ink, width: isBar || each.draws === "edge" ? 0 : 1.6,
        fill: isBar ? ink : undefined, dash: each.draws === "dashed" ? [5, 4] : undefined, paths: paths[each.draws],
        points: { show: each.draws === "line" || each.draws === "step" ? undefined : false, size: 4 }, spanGaps: each.draws === "step",
      };
    });
    const quiet = colour("quiet"), line = colour("line");
    const [first, last] = chart.span;
    const unit = chart.series.at(-1).unit;
    const plot = new uPlot({
      width: element.clientWidth, height: Number(element.closest("figure").dataset.height), legend: { show: false },
      tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), "Etc/UTC"),
      cursor: { sync: { key: "merchant", scales: ["x", null] }, drag: { x: false, y: false }, points: { show: !isStack } },
      scales: {
        x: { time: true, range: () => [first - 43200, last + 43200] },
        y: { range: (_, low, high) => [0, chart.most != null ? Math.max(chart.most, high ?? 0) : (high || 1) * 1.06] },
      },
      series: [{}, ...series],
      bands: chart.band.length ? [{ series: [chart.band[1] + 1, chart.band[0] + 1], fill: colour("quiet", 0.16) }] : undefined,
      axes: [
        { stroke: quiet, grid: { show: false }, ticks: { stroke: line, size: 4 }, size: 26, font: "11px system-ui", values: (_, splits) => splits.map((at) => short(at, lang)), space: 70, incrs: [86400, 2 * 86400, 7 * 86400, 14 * 86400, 28 * 86400, 56 * 86400] },
        { stroke: quiet, grid: { stroke: line, width: 1 }, ticks: { show: false }, size: unit === "decades" ? 58 : 46, font: "11px system-ui", values: (_, splits) => splits.map((at) => (at == null ? "" : figure(at, unit, true))) },
      ],
      hooks: { drawClear: [(u) => zones(u, chart)], draw: [(u) => marks(u, chart)], setCursor: [(u) => say(u, chart)] },
    }, [chart.x, ...values], element);
    plot.describe = (at) => [
      day.format(new Date(chart.x[at] * 1000)),
      ...chart.series.filter((each) => each.draws !== "edge" && each.values[at] != null).map((each) => `${each.label} ${figure(each.values[at], each.unit)}`),
      ...band(chart, at, figure),
      ...happened(chart, chart.x[at]),
    ].join(" · ");
    drawn.set(element, plot);
  }

  const short = (seconds, lang) => {
    const at = new Date(seconds * 1000);
    return lang === "zh" ? `${at.getUTCMonth() + 1}月${at.getUTCDate()}日` : `${at.getUTCDate()} ${at.toLocaleString("en", { month: "short", timeZone: "UTC" })}`;
  };
  const band = (chart, at, figure) => {
    const [low, high] = chart.band.map((place) => chart.series[place]);
    return low?.values[at] == null ? [] : [`${low.label} ${figure(low.values[at], low.unit)}–${figure(high.values[at], high.unit)}`];
  };
  const dayOf = (seconds) => Math.floor(seconds / 86400);
  const happened = (chart, seconds) => chart.marks.filter((each) => dayOf(each.x) === dayOf(seconds)).map((each) => each.words);

  function zones(u, chart) {
    const { left, width, top, height } = u.bbox;
    for (const { low, high, name } of chart.zones) {
      const from = Math.max(u.valToPos(high, "y", true), top), to = Math.min(u.valToPos(low, "y", true), top + height);
      u.ctx.fillStyle = colour(GRADE[name], 0.1);
      u.ctx.fillRect(left, from, width, to - from);
      u.ctx.fillStyle = colour(GRADE[name]);
      u.ctx.font = `${10 * devicePixelRatio}px system-ui`;
      u.ctx.textAlign = "right";
      u.ctx.fillText(name, left + width - 4 * devicePixelRatio, from + 12 * devicePixelRatio);
    }
  }

  function marks(u, chart) {
    const { left, width, top, height } = u.bbox;
    u.ctx.save();
    u.ctx.font = `${10 * devicePixelRatio}px system-ui`;
    u.ctx.textAlign = "center";
    for (const each of chart.marks) {
      const [sign, name] = MARK[each.kind];
      const at = u.valToPos(dayOf(each.x) * 86400, "x", true);
      if (at < left || at > left + width) continue;
      u.ctx.strokeStyle = u.ctx.fillStyle = colour(name);
      u.ctx.globalAlpha = 0.5;
      u.ctx.setLineDash([3 * devicePixelRatio, 3 * devicePixelRatio]);
      u.ctx.beginPath();
      u.ctx.moveTo(at, top + 12 * devicePixelRatio);
      u.ctx.lineTo(at, top + height);
      u.ctx.stroke();
      u.ctx.globalAlpha = 1;
      u.ctx.fillText(sign, at, top + 9 * devicePixelRatio);
    }
    u.ctx.restore();
  }

  function say(u, chart) {
    const line = u.root.closest("figure").querySelector(".said");
    const at = u.cursor.idx;
    line.textContent = at == null || !u.describe ? "" : u.describe(at);
  }

  // -- keys: the day before, the day after, the first, the last
  document.addEventListener("keydown", (event) => {
    const plot = drawn.get(event.target);
    const steps = { ArrowLeft: -1, ArrowRight: 1, Home: -1e6, End: 1e6 };
    if (!plot || !(event.key in steps)) return;
    event.preventDefault();
    const x = plot.data[0];
    const was = plot.cursor.idx ?? (steps[event.key] < 0 ? x.length : -1);
    const at = Math.min(x.length - 1, Math.max(0, was + steps[event.key]));
    plot.setCursor({ left: plot.valToPos(x[at], "x"), top: plot.bbox.height / devicePixelRatio / 2 }, true, true);
  });

  // -- sizes, colours, pages that came by htmx
  const sizes = new ResizeObserver((entries) => {
    for (const { target } of entries) {
      const plot = drawn.get(target);
      if (plot && target.clientWidth !== plot.width) plot.setSize({ width: target.clientWidth, height: plot.height });
    }
  });
  function drawAll() {
    for (const [element, plot] of drawn) {
      if (element.isConnected) continue;
      plot.destroy();
      sizes.unobserve(element);
      drawn.delete(element);
    }
    for (const element of document.querySelectorAll("[data-chart]")) {
      if (drawn.has(element)) continue;
      draw(element);
      sizes.observe(element);
    }
  }
  document.addEventListener("htmx:afterSettle", drawAll);
  // Colours are of the theme when it was drawn; paper is light.
  for (const media of ["(prefers-color-scheme: dark)", "print"]) {
    matchMedia(media).addEventListener("change", () => {
      for (const [element, plot] of drawn) {
        plot.destroy();
        drawn.delete(element);
      }
      drawAll();
    });
  }
  drawAll();

  // -- a link into something folded opens it
  function unfold() {
    document.querySelector(`${location.hash || "#none"} > details`)?.setAttribute("open", "");
  }
  addEventListener("hashchange", unfold);
  document.addEventListener("click", (event) => event.target.closest(".sections a") && setTimeout(unfold));
  unfold();

  // -- what the monitor remembers: rows that have the words
  document.addEventListener("input", (event) => {
    const within = document.getElementById(event.target.dataset?.find ?? "");
    if (!within) return;
    const wanted = event.target.value.trim().toLowerCase();
    const rows = [...within.querySelectorAll("tbody tr")];
    for (const row of rows) row.hidden = !row.textContent.toLowerCase().includes(wanted);
    for (const table of within.querySelectorAll("table")) table.hidden = !table.querySelector("tbody tr:not([hidden])");
    const said = event.target.closest("p").querySelector("[data-found]");
    said.textContent = wanted ? said.dataset.found.replace("{n}", rows.filter((row) => !row.hidden).length).replace("{m}", rows.length) : "";
  });
})();
