// The chart of a model's probabilities, of which there is one for each level.

import { barChart } from "../shared/bar_chart.js";
import shared from "../shared/constants.json" with { type: "json" };

/** Bars for a model of so many colours and levels. */
export function barsOf(channels, levels) {
  const barWidth = Math.ceil(levels / shared.most_bars);
  const bars = Math.ceil(levels / barWidth);
  const chart = barChart({ bars, barWidth, channels, levels });
  /** Show the probabilities of all values, that of `drawn` marked; `before`: the pixel's colours so far. */
  const show = (probabilities, drawn, before) => {
    const heights = new Array(bars).fill(0);
    probabilities.forEach((p, value) => (heights[Math.floor(value / barWidth)] += p));
    chart.show(heights, drawn, before);
  };
  return { node: chart.node, show };
}
