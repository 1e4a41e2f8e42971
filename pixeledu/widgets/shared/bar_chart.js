// The chart of a distribution: a bar for each value, above the colours that the values would give.

import { element } from "./page.js";

/** The chart of one colour of a pixel. With many levels neighbouring values share a bar. */
export function barChart({ bars, barWidth, channels, levels }) {
  const columns = Array.from({ length: bars }, () => element("i", {}, element("b"), element("u")));
  const chart = element("div.pixeledu-bars", { role: "img" }, ...columns);
  const hidden = { "aria-hidden": "true" };
  const ramp = element("div.pixeledu-ramp", hidden);
  const texts = (...all) => all.map((text) => element("span", {}, String(text)));
  const unit = barWidth > 1 ? `value, ${barWidth} to a bar` : "value";
  const node = element(
    "div.pixeledu-chart",
    { style: `--bars:${bars}` },
    element("div.pixeledu-axis", hidden, "probability"),
    element("div.pixeledu-probabilities", hidden, ...texts(1, 0.5, 0)),
    chart,
    ramp,
    element("div.pixeledu-values", hidden, ...texts(0, unit, levels - 1)),
  );

  const shade = (value) => Math.round((255 * Math.min(value, levels - 1)) / (levels - 1));
  const colour = (bar, before) => {
    const middle = shade(bar * barWidth + (barWidth - 1) / 2);
    if (channels === 1) return `rgb(${[middle, middle, middle]})`;
    return `rgb(${[...Array.from(before, shade), middle, 0, 0].slice(0, 3)})`;
  };
  const name = (bar) => {
    const [from, to] = [bar * barWidth, Math.min((bar + 1) * barWidth, levels) - 1];
    return from === to ? String(from) : `${from} to ${to}`;
  };
  /**
   * Show the probability of each bar, that of `value` marked. `before`: the pixel's colours so far.
   * `others`, if given, are probabilities to show as lines beside the bars.
   */
  const show = (probabilities, value, before, others = null) => {
    columns.forEach((column, i) => {
      column.classList.toggle("pixeledu-drawn", i === Math.floor(value / barWidth));
      const [bar, line] = column.children;
      bar.style.height = `${Math.min(100, 100 * probabilities[i])}%`;
      line.hidden = !others;
      if (others) line.style.bottom = `${100 * others[i]}%`;
    });
    const stops = columns.map((_, i) => {
      return `${colour(i, before)} ${(100 * i) / bars}% ${(100 * (i + 1)) / bars}%`;
    });
    ramp.style.background = `linear-gradient(90deg,${stops})`;
    const likely = [...probabilities.keys()].sort((a, b) => probabilities[b] - probabilities[a]).slice(0, 3);
    const says = likely.map((i) => `${name(i)}: ${probabilities[i].toFixed(2)}`);
    chart.setAttribute("aria-label", `Most probable values: ${says.join("; ")}`);
  };
  return { node, show };
}
