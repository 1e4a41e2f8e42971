// Replays one sampled image, value by value, beside the distribution each value was drawn from.

import { element, followPointer, indexAt, politely } from "./util.js";
import { borderOfGiven, describe, distribution, locate, paint } from "./_replay.js";
import { endOfRow, rowAway, stepAt, unpack } from "./_replay.js";
import { transportOf } from "./_transport.js";

const PICTURE = 280; // px, the longer side at most; sampling_player.py says the same
const SPEEDS = [1, 4, 16, 64, 256]; // pixels a second

// ---- the parts of the figure: each a node and a function that shows a step ---------------------

/** The picture: one dot a pixel, scaled up, under an outline of the current pixel. */
function pictureOf(replay, about, jump) {
  const { height, width, channels, steps } = replay;
  const canvas = element("canvas", { width, height, role: "img" });
  followPointer(canvas, (x, y) => {
    const [row, column] = [indexAt(y, height), indexAt(x, width)];
    jump(stepAt(replay, (row * width + column) * channels + channels - 1));
  });
  const pen = canvas.getContext("2d");
  const dots = pen.createImageData(width, height);
  const border = borderOfGiven(replay);
  const cursor = element("div.pixeledu-cursor");
  const scale = Math.floor(PICTURE / Math.max(width, height));
  const shown = scale ? scale * width : (PICTURE * width) / Math.max(width, height);
  const box = { viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: "none" };
  const node = element(
    "div.pixeledu-picture",
    { style: `width:${shown}px;aspect-ratio:${width}/${height};--columns:${width};--rows:${height}` },
    canvas,
    element(
      "svg:svg",
      { ...box, "aria-hidden": "true" },
      element("svg:path.pixeledu-halo", { d: border }),
      element("svg:path.pixeledu-given", { d: border }),
    ),
    cursor,
  );
  const show = (step) => {
    paint(replay, step, dots.data);
    pen.putImageData(dots, 0, 0);
    const { row, column } = locate(replay, step);
    cursor.style.left = `${(100 * column) / width}%`;
    cursor.style.top = `${(100 * row) / height}%`;
    canvas.setAttribute("aria-label", `${about}: ${step + 1} of ${steps.length} values drawn`);
  };
  return { node, show };
}

/** The current distribution: a bar for each value, above the colours that the values would give. */
function chartOf(replay) {
  const { bars, barWidth, channels, levels, image, steps } = replay;
  const columns = Array.from({ length: bars }, () => element("i", {}, element("b")));
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
  const show = (step) => {
    const { channel, value } = locate(replay, step);
    const shares = distribution(replay, step);
    columns.forEach((column, i) => {
      column.classList.toggle("pixeledu-drawn", i === Math.floor(value / barWidth));
      column.firstChild.style.height = `${100 * shares[i]}%`;
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
function readoutOf(replay) {
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

// ---- the figure -------------------------------------------------------------------------------

function draw(model, el) {
  const replay = unpack(model.get("data"));
  const about = model.get("data").description || "a sampled image";
  const transport = transportOf(model, {
    trait: "position",
    words: { step: "value", slider: "Position in the replay", unit: "pixel" },
    speeds: SPEEDS,
    usualSpeed: 16,
    stepsInUnit: replay.channels,
    last: () => replay.steps.length - 1,
    rowAway: (step, rows) => rowAway(replay, step, rows),
    endOfRow: (step) => endOfRow(replay, step),
    rowLength: () => replay.width * replay.channels,
    describe: (step) => describe(replay, step).join(", "),
    draw: (step, still) => {
      readout.node.setAttribute("aria-live", still ? "polite" : "off");
      for (const part of [picture, chart, readout]) part.show(step);
    },
  });
  const picture = pictureOf(replay, about, transport.jump);
  const chart = chartOf(replay);
  const readout = readoutOf(replay);
  const root = element(
    "div.pixeledu.pixeledu-player",
    { role: "group", "aria-label": `Replay: ${about}` },
    element("div.pixeledu-stage", {}, picture.node),
    element("div.pixeledu-panel", {}, readout.node, chart.node),
    transport.buttons,
    transport.scrub,
  );
  const stop = transport.start(root);
  el.replaceChildren(root);
  return () => {
    stop();
    root.remove();
  };
}

function render({ model, el }) {
  return politely(el, () => draw(model, el));
}

export default { render };
