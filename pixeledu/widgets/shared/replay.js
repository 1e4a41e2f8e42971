// A sampled image and the distributions it was drawn from: read, checked and asked questions.
// A "value" is one number of the image: a grey pixel has one, a colour pixel three. A "step" is
// one drawn value; values that were given are part of the image and of no step.

import { bytes, floats, whole } from "../../web/checks.js";
import shared from "./constants.json" with { type: "json" };

const COLOURS = ["red", "green", "blue"];

/** The replay that `data` holds, unpacked; throws an Error that says what does not fit. */
export function unpack(data) {
  if (data === null || typeof data !== "object") throw new Error("data is missing");
  const height = whole(data.height, 1, 4096, "height");
  const width = whole(data.width, 1, 4096, "width");
  const channels = whole(data.channels, 1, 3, "channels");
  const levels = whole(data.levels, 2, 256, "levels");
  const barWidth = whole(data.bar_width, 1, levels, "bar_width");
  const size = height * width * channels;
  const image = bytes(data.image, size, "image");
  if (image.some((value) => value >= levels)) throw new Error("image holds a value too large");

  const known = new Uint8Array(size);
  if (data.known) {
    const packed = bytes(data.known, Math.ceil(size / 8), "known");
    for (let i = 0; i < size; i++) known[i] = (packed[i >> 3] >> (7 - (i & 7))) & 1;
  }
  const steps = [...known.keys()].filter((place) => !known[place]); // step -> place of its value
  if (!steps.length) throw new Error("no value was drawn");

  const nats = floats(data.nats, steps.length, "nats"); // -log p of each drawn value
  let sum = 0;
  const total = Float64Array.from(nats, (n) => (sum += n)); // up to and including each step
  const bars = Math.ceil(levels / barWidth);
  const probabilities = levels === 2 ? null : bytes(data.bars, steps.length * bars, "bars");
  const shape = { height, width, channels, levels, barWidth, bars };
  return { ...shape, image, known, steps, nats, total, probabilities };
}

/** All samples, `most` at most, that `data` holds, unpacked, each with its name and the temperature it was drawn at. */
export function unpackAll(data, most) {
  const first = unpack(data);
  const others = data.others ?? [];
  if (!Array.isArray(others) || others.length >= most) {
    throw new Error(`others should be a list of less than ${most}`);
  }
  const count = 1 + others.length;
  const listOf = (list, fits, name) => {
    if (!Array.isArray(list) || list.length !== count || !list.every(fits)) {
      throw new Error(`${name} should be a list of ${count}`);
    }
    return list;
  };
  const names = listOf(data.names ?? [""], (name) => typeof name === "string", "names");
  const isTemperature = (t) => Number.isFinite(t) && t > 0;
  const temperatures = data.temperatures && listOf(data.temperatures, isTemperature, "temperatures");
  return [data, ...others].map((its, i) => {
    const replay = i ? unpack({ ...data, ...its }) : first;
    const { levels, steps } = replay;
    const logs = temperatures && levels > 2 ? bytes(its.logs, 2 * steps.length * levels, "logs") : null;
    return { ...replay, name: names[i], drawnAt: temperatures ? temperatures[i] : null, logs };
  });
}

/** The probability of each level at a step, had the sample been drawn at another temperature. */
export function tempered(replay, step, temperature) {
  const { drawnAt, image, levels, logs, nats, steps } = replay;
  if (temperature === drawnAt) return distribution(replay, step);
  const times = drawnAt / temperature;
  let below; // how far each log p lies below the largest
  if (logs) {
    below = Array.from({ length: levels }, (_, level) => {
      const at = 2 * (step * levels + level);
      return (logs[at] + 256 * logs[at + 1]) / shared.steps_per_nat;
    });
  } else {
    const drawn = -nats[step];
    const other = Math.log(-Math.expm1(drawn)); // of the level that was not drawn
    const most = Math.max(drawn, other);
    below = image[steps[step]] ? [most - other, most - drawn] : [most - drawn, most - other];
  }
  const weights = below.map((log) => Math.exp(-log * times));
  const sum = weights.reduce((total, weight) => total + weight);
  return weights.map((weight) => weight / sum);
}

/** The probability of each bar at a step. */
export function distribution({ bars, image, nats, probabilities, steps }, step) {
  if (!probabilities) {
    const p = Math.exp(-nats[step]);
    return image[steps[step]] ? [1 - p, p] : [p, 1 - p];
  }
  return Array.from(probabilities.subarray(step * bars, (step + 1) * bars), (byte) => byte / 255);
}

/** Where a step's value lies in the image, and what it is. */
export function locate({ width, channels, image, steps }, step) {
  const pixel = Math.floor(steps[step] / channels);
  const [row, column] = [Math.floor(pixel / width), pixel % width];
  return { row, column, channel: steps[step] % channels, value: image[steps[step]] };
}

/** The first step that draws the value at `place` or a later one; the last step if none does. */
export function stepAt({ steps }, place) {
  let [low, high] = [0, steps.length - 1];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (steps[middle] < place) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The step one row below (rows = 1) or above (rows = -1), in the same column and colour. */
export function rowAway(replay, step, rows) {
  const there = stepAt(replay, replay.steps[step] + rows * replay.width * replay.channels);
  return rows < 0 ? Math.max(0, Math.min(there, step - 1)) : there;
}

/** The last step in the same row as `step`. */
export function endOfRow(replay, step) {
  const next = (locate(replay, step).row + 1) * replay.width * replay.channels;
  const there = stepAt(replay, next);
  return replay.steps[there] >= next ? there - 1 : there;
}

/** A probability in a few characters, never rounded to 0 or 1. */
export function probability(p) {
  if (p > 0.999) return p === 1 ? "1" : "over 0.999";
  if (p < 0.0001) return "under 0.0001";
  return p > 0.99 ? p.toFixed(3) : p.toPrecision(2);
}

/** Two short texts about a step: which pixel, and what was drawn. */
export function describe(replay, step) {
  const { row, column, channel, value } = locate(replay, step);
  const colour = replay.channels > 1 ? `, ${COLOURS[channel]}` : "";
  const p = probability(Math.exp(-replay.nats[step]));
  return [`pixel (row ${row}, column ${column})${colour}`, `drawn ${value}, probability ${p}`];
}

/**
 * The chain rule inside a colour pixel, up to a step: the factors of the colours drawn so far, and
 * their product. Given colours are no factors: the others depend on them.
 */
export function chainRule({ channels, image, known, nats, steps }, step) {
  const first = steps[step] - (steps[step] % channels);
  const says = (place) => `${"RGB"[place - first]} = ${image[place]}`;
  const [factors, numbers] = [[], []];
  let sum = 0;
  for (let place = first; place <= steps[step]; place++) {
    if (known[place]) continue;
    const at = stepAt({ steps }, place);
    const before = Array.from({ length: place - first }, (_, i) => says(first + i));
    factors.push(`p(${[says(place), before.join(", ")].filter(Boolean).join(" | ")})`);
    numbers.push(probability(Math.exp(-nats[at])));
    sum += nats[at];
  }
  const product = numbers.length > 1 ? [numbers.join(" · "), probability(Math.exp(-sum))] : numbers;
  return [factors.join(" "), ...product].join(" = ");
}

/** Paint the picture at a step into RGBA bytes: nothing where a pixel is still to come. */
export function paint({ image, known, channels, levels, steps }, step, rgba) {
  for (let place = 0; place < image.length; place++) {
    const drawn = known[place] || place <= steps[step];
    const shade = drawn ? Math.round((255 * image[place]) / (levels - 1)) : 0;
    const [at, channel] = [4 * Math.floor(place / channels), place % channels];
    if (channels === 1) rgba.fill(shade, at, at + 3);
    else rgba[at + channel] = shade;
    rgba[at + 3] = drawn || (channel && rgba[at + 3]) ? 255 : 0;
  }
  return rgba;
}

/** An SVG path along the border between given pixels and the others; empty if none was given. */
export function borderOfGiven({ height, width, channels, known }) {
  const inside = (row, column) => row >= 0 && column >= 0 && row < height && column < width;
  const given = (row, column) =>
    inside(row, column) && known[(row * width + column) * channels] === 1;
  let path = "";
  for (let row = 0; row <= height; row++) {
    for (let column = 0; column <= width; column++) {
      if (given(row, column) !== given(row - 1, column)) path += `M${column} ${row}h1`;
      if (given(row, column) !== given(row, column - 1)) path += `M${column} ${row}v1`;
    }
  }
  return path;
}
