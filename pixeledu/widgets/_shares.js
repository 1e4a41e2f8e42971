// A distribution as bars: one for each value, above the colours that the values would give.

import { element } from "./util.js";

const MOST_BARS = 32;

/** Bars for a model of so many colours and levels; with many levels, neighbours share a bar. */
export function barsOf(channels, levels) {
  const unit = Math.ceil(levels / MOST_BARS);
  const count = Math.ceil(levels / unit);
  const columns = Array.from({ length: count }, () => element("i", {}, element("b")));
  const chart = element("div.pixeledu-columns", { role: "img" }, ...columns);
  const texts = [0, unit > 1 ? `value, ${unit} to a bar` : "value", levels - 1];
  const quiet = (name, ...children) => element(name, { "aria-hidden": "true" }, ...children);
  const ramp = quiet("div.pixeledu-greys");
  const node = element(
    "div.pixeledu-shares",
    {},
    quiet("div.pixeledu-scale", ...["1", "0.5", "0"].map((text) => element("span", {}, text))),
    chart,
    ramp,
    quiet("div.pixeledu-range", ...texts.map((text) => element("span", {}, String(text)))),
  );

  const shadeOf = (value) => Math.round((255 * Math.min(value, levels - 1)) / (levels - 1));
  const colourOf = (bar, before) => {
    const middle = shadeOf(bar * unit + (unit - 1) / 2);
    if (channels === 1) return `rgb(${[middle, middle, middle]})`;
    return `rgb(${[...before.map(shadeOf), middle, 0, 0].slice(0, 3)})`;
  };
  /** Show the probabilities of all values, that of `drawn` marked; `before`: the pixel's colours so far. */
  const show = (probabilities, drawn, before) => {
    const shares = new Array(count).fill(0);
    probabilities.forEach((share, value) => (shares[Math.floor(value / unit)] += share));
    columns.forEach((column, bar) => {
      column.classList.toggle("pixeledu-taken", bar === Math.floor(drawn / unit));
      column.firstChild.style.height = `${Math.min(100, 100 * shares[bar])}%`;
    });
    const stops = shares.map((_, bar) => {
      return `${colourOf(bar, before)} ${(100 * bar) / count}% ${(100 * (bar + 1)) / count}%`;
    });
    ramp.style.background = `linear-gradient(90deg,${stops})`;
    const likely = [...shares.keys()].sort((a, b) => shares[b] - shares[a]).slice(0, 3);
    const nameOf = (bar) => {
      const [first, last] = [bar * unit, Math.min((bar + 1) * unit, levels) - 1];
      return `${first === last ? first : `${first} to ${last}`}: ${shares[bar].toFixed(2)}`;
    };
    chart.setAttribute("aria-label", `Most probable values: ${likely.map(nameOf).join("; ")}`);
  };
  return { node, show };
}
