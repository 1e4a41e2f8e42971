// The parts of the sampling player beside the picture, each a node and a function that shows a step:
// the chart of a distribution, the words about it, the slider of temperatures.

import { barChart } from "../shared/bar_chart.js";
import { element } from "../shared/page.js";
import { chainRule, describe, distribution, locate, probability, tempered } from "../shared/replay.js";
import constants from "./constants.json" with { type: "json" };

/**
 * The current distribution. At another temperature than the sample was drawn at, lines stay where
 * the bars were.
 */
export function chartOf(replay) {
  const { image, steps } = replay;
  const chart = barChart(replay);
  const show = (step, temperature) => {
    const { channel, value } = locate(replay, step);
    const before = image.subarray(steps[step] - channel, steps[step]);
    const drawn = distribution(replay, step);
    const other = temperature !== null && temperature !== replay.drawnAt;
    if (other) chart.show(tempered(replay, step, temperature), value, before, drawn);
    else chart.show(drawn, value, before);
  };
  return { node: chart.node, show };
}

/** What is said about the step, in words. */
export function readoutOf(replay) {
  const { known, steps, total } = replay;
  const lines = [element("strong"), element("span"), element("span.pixeledu-quiet")];
  const given = known.includes(1)
    ? [element("span.pixeledu-quiet", {}, "Pixels inside the blue line were given.")]
    : [];
  const chain = replay.channels > 1 ? [element("span.pixeledu-chain")] : [];
  const node = element("p.pixeledu-readout", { "aria-atomic": "true" }, ...lines, ...chain, ...given);
  const show = (step) => {
    const soFar = `−log p so far: ${total[step].toFixed(1)} nats`;
    const count = `value ${step + 1} of ${steps.length}`;
    [...describe(replay, step), `${soFar} · ${count}`].forEach((text, i) => {
      lines[i].textContent = text;
    });
    for (const line of chain) line.textContent = chainRule(replay, step);
  };
  return { node, show };
}

/** The slider that shows the current distribution at another temperature. */
export function temperatureOf(save) {
  const [min, max] = constants.temperatures;
  const range = { type: "range", min, max, step: 0.05, "aria-label": "Temperature" };
  const slider = element("input", range);
  slider.addEventListener("input", () => save("temperature", Number(slider.value)));
  // Its arrow keys are its own; elsewhere in the figure they lead through the steps.
  slider.addEventListener("keydown", (event) => event.key !== " " && event.stopPropagation());
  const [name, says] = [element("span"), element("p.pixeledu-quiet")];
  const node = element("div.pixeledu-temperature", {}, element("label", {}, name, slider), says);
  const show = (replay, step, temperature) => {
    const { value } = locate(replay, step);
    const before = probability(Math.exp(-replay.nats[step]));
    const p = probability(tempered(replay, step, temperature)[value]);
    slider.value = temperature;
    name.textContent = `Temperature ${temperature.toFixed(2)}`;
    slider.setAttribute("aria-valuetext", `${temperature.toFixed(2)}: ${value} has probability ${p}`);
    const drawnAt = replay.drawnAt.toFixed(2);
    says.textContent =
      temperature === replay.drawnAt
        ? "The temperature it was drawn at. Move it: what becomes of the bars?"
        : `Probability of the drawn ${value}: ${p}; at ${drawnAt}, as drawn (lines): ${before}`;
  };
  return { node, show };
}
