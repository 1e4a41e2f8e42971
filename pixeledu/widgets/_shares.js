// The chart of a model's probabilities, of which there is one for each level.

import { barChart } from "./_chart.js";

const MOST_BARS = 32;

/** Bars for a model of so many colours and levels. */
export function barsOf(channels, levels) {
  const barWidth = Math.ceil(levels / MOST_BARS);
  const bars = Math.ceil(levels / barWidth);
  const chart = barChart({ bars, barWidth, channels, levels });
  /** Show the probabilities of all values, that of `drawn` marked; `before`: the pixel's colours so far. */
  const show = (probabilities, drawn, before) => {
    const shares = new Array(bars).fill(0);
    probabilities.forEach((share, value) => (shares[Math.floor(value / barWidth)] += share));
    chart.show(shares, drawn, before);
  };
  return { node: chart.node, show };
}
