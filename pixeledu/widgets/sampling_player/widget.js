// Replays one sampled image, value by value, beside the distribution each value was drawn from.

import { element, listen, politely, shownIn } from "../shared/page.js";
import { followPointer, indexAt } from "../shared/pointer.js";
import { borderOfGiven, describe, endOfRow, locate } from "../shared/replay.js";
import { paint, rowAway, stepAt, unpackAll } from "../shared/replay.js";
import { transportOf } from "../shared/transport.js";
import { chartOf, readoutOf, temperatureOf } from "./sample_parts.js";
import constants from "./constants.json" with { type: "json" };

/** The picture: one dot a pixel, scaled up, under an outline of the current pixel. */
function pictureOf(replay, about, most, jump) {
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
  const scale = Math.floor(most / Math.max(width, height));
  const shown = scale ? scale * width : (most * width) / Math.max(width, height);
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

/** All that shows one sample: its picture under its name, its chart and its words. */
function sampleOf(replay, about, most, jump, choose) {
  const named = choose !== null;
  const picture = pictureOf(replay, named ? `${about}, ${replay.name}` : about, most, jump);
  const [chart, readout] = [chartOf(replay), readoutOf(replay)];
  const pressed = { type: "button", onclick: choose ?? (() => {}) };
  const button = element("button.pixeledu-choice", pressed, replay.name);
  const price = element("span.pixeledu-quiet");
  const node = named
    ? element("div.pixeledu-sample", { style: `max-width:${most}px` }, picture.node, button, price)
    : picture.node;
  const show = (step, temperature, current, still) => {
    picture.show(step);
    price.textContent = `${replay.total[step].toFixed(1)} nats`;
    button.setAttribute("aria-pressed", current);
    chart.node.hidden = readout.node.hidden = !current;
    if (!current) return;
    readout.node.setAttribute("aria-live", still ? "polite" : "off");
    chart.show(step, temperature);
    readout.show(step);
  };
  return { node, panel: [readout.node, chart.node], show };
}

function draw(model, el) {
  const replays = unpackAll(model.get("data"), constants.most_samples);
  const about = model.get("data").description || "a sampled image";
  const [replay] = replays;
  const several = Array.isArray(model.get("data").names);
  const save = (name, value) => {
    model.set(name, value);
    model.save_changes();
  };
  const current = () => (replays[model.get("sample")] ? model.get("sample") : 0);
  const temperature = () => {
    const { drawnAt } = replays[current()];
    const chosen = model.get("temperature");
    const [min, max] = constants.temperatures;
    return drawnAt !== null && chosen >= min && chosen <= max ? chosen : drawnAt;
  };
  const choose = (i) => {
    if (replays[i].drawnAt !== null) model.set("temperature", replays[i].drawnAt);
    save("sample", i);
  };
  const transport = transportOf(model, {
    trait: "position",
    words: { step: "value", slider: "Position in the replay", unit: "pixel" },
    speeds: constants.speeds,
    usualSpeed: 16,
    stepsInUnit: replay.channels,
    last: () => replay.steps.length - 1,
    rowAway: (step, rows) => rowAway(replay, step, rows),
    endOfRow: (step) => endOfRow(replay, step),
    rowLength: () => replay.width * replay.channels,
    describe: (step) => describe(replays[current()], step).join(", "),
    draw: (step, still) => {
      samples.forEach((sample, i) => sample.show(step, temperature(), i === current(), still));
      heat?.show(replays[current()], step, temperature());
    },
  });
  const { picture_side, gap } = constants.sizes; // px
  const columns = { 1: 1, 2: 2, 4: 2 }[replays.length] ?? 3;
  const most = Math.floor((picture_side - gap * (columns - 1)) / columns);
  const samples = replays.map((its, i) => {
    const jump = (step) => {
      if (several && i !== current()) choose(i);
      transport.jump(step);
    };
    return sampleOf(its, about, most, jump, several ? () => choose(i) : null);
  });
  const heat = replay.drawnAt === null ? null : temperatureOf(save);
  const pictures = samples.map((sample) => sample.node);
  const panel = samples.flatMap((sample) => sample.panel);
  const grid = { style: `grid-template-columns:repeat(${columns},minmax(0,${most}px))` };
  const root = element(
    "div.pixeledu.pixeledu-player",
    { role: "group", "aria-label": `Replay: ${about}` },
    element(
      "div.pixeledu-samples-side",
      {},
      several ? element("div.pixeledu-samples", grid, ...pictures) : pictures[0],
    ),
    element("div.pixeledu-panel", {}, ...panel, heat ? heat.node : ""),
    transport.buttons,
    transport.scrub,
  );
  const stop = transport.start(root);
  const choices = [several && "change:sample", heat && "change:temperature"].filter(Boolean);
  const stopToo = listen(model, Object.fromEntries(choices.map((name) => [name, transport.show])));
  return shownIn(el, root, stop, stopToo);
}

const render = politely(draw);

export default { render };
