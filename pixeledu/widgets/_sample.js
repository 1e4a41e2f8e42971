// The parts of the sampling player beside the picture, each a node and a function that shows a step:
// the chart of a distribution, the words about it, the slider of temperatures.

import { element } from "./util.js";
import { describe, distribution, locate, probability, tempered } from "./_replay.js";

export const TEMPERATURES = [0.1, 3]; // the least and the most to show; sampling_player.py says so

/**
 * The current distribution: a bar for each value, above the colours that the values would give. At
 * another temperature than the sample was drawn at, lines stay where the bars were.
 */
export function chartOf(replay) {
  const { bars, barWidth, channels, levels, image, steps } = replay;
  const columns = Array.from({ length: bars }, () => element("i", {}, element("b"), element("u")));
  const chart = element("div.pixeledu-bars", { role: "img" }, ...columns);
  const hidden = { "aria-hidden": "true" };
  const ramp = element("div.pixeledu-ramp", hidden);
  const texts = (...all) => all.map((text) => element("span", {}, String(text)));
  const unit = barWidth > 1 ? `value, ${barWidth} to a bar` : "value";
  const node = element(
    "div.pixeledu-chart",
    { style: `--bars:${bars}` },
    element("div.pixeledu-probabilities", hidden, ...texts(1, 0.5, 0)),
    chart,
    ramp,
    element("div.pixeledu-values", hidden, ...texts(0, unit, levels - 1)),
  );

  const shade = (value) => Math.round((255 * Math.min(value, levels - 1)) / (levels - 1));
  const colour = (bar, place, channel) => {
    const middle = shade(bar * barWidth + (barWidth - 1) / 2);
    if (channels === 1) return `rgb(${[middle, middle, middle]})`;
    const before = Array.from(image.subarray(place - channel, place), shade);
    return `rgb(${[...before, middle, 0, 0].slice(0, 3)})`;
  };
  const show = (step, temperature) => {
    const { channel, value } = locate(replay, step);
    const drawn = distribution(replay, step);
    const other = temperature !== null && temperature !== replay.drawnAt;
    const shares = other ? tempered(replay, step, temperature) : drawn;
    columns.forEach((column, i) => {
      column.classList.toggle("pixeledu-drawn", i === Math.floor(value / barWidth));
      const [bar, line] = column.children;
      bar.style.height = `${100 * shares[i]}%`;
      line.style.bottom = `${100 * drawn[i]}%`;
      line.hidden = !other;
    });
    const stop = (share, i) =>
      `${colour(i, steps[step], channel)} ${(100 * i) / bars}% ${(100 * (i + 1)) / bars}%`;
    ramp.style.background = `linear-gradient(90deg,${shares.map(stop)})`;
    const likely = [...shares.keys()].sort((a, b) => shares[b] - shares[a]).slice(0, 3);
    const name = (i) => {
      const [from, to] = [i * barWidth, Math.min((i + 1) * barWidth, levels) - 1];
      return `${from === to ? from : `${from} to ${to}`}: ${shares[i].toFixed(2)}`;
    };
    chart.setAttribute("aria-label", `Most probable values: ${likely.map(name).join("; ")}`);
  };
  return { node, show };
}

/** What is said about the step, in words. */
export function readoutOf(replay) {
  const { known, steps, total } = replay;
  const lines = [element("strong"), element("span"), element("span.pixeledu-quiet")];
  const given = known.includes(1)
    ? [element("span.pixeledu-quiet", {}, "Pixels inside the blue line were given.")]
    : [];
  const node = element("p.pixeledu-readout", { "aria-atomic": "true" }, ...lines, ...given);
  const show = (step) => {
    const soFar = `${total[step].toFixed(1)} nats so far`;
    const count = `value ${step + 1} of ${steps.length}`;
    [...describe(replay, step), `${soFar} · ${count}`].forEach((text, i) => {
      lines[i].textContent = text;
    });
  };
  return { node, show };
}

/** The slider that shows the current distribution at another temperature. */
export function temperatureOf(save) {
  const [min, max] = TEMPERATURES;
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
