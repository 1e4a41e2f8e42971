// Trained models that run in the page, one pixel at a time: the step face of `pixeledu/models.py`, the
// random numbers of `pixeledu/noise.py` and the drawing of `pixeledu/sampling.py`.

import { convolution, outputHead, residualBlock } from "./_convolution.js";
import { gatedBlock } from "./_gated.js";
import { recurrentBlock } from "./_lstm.js";
import { openWeights } from "./_weights.js";

/** A model from its file (base64), ready to draw images of this width; see `stepsOf`. */
export function modelFrom(text, width) {
  const file = openWeights(text);
  const steps = stepsOf(file, width);
  file.finish();
  return steps;
}

/**
 * A model with the weights of an open file: { config, info, reset, startRow, logits, put }. After
 * `reset()`, for each row: `startRow()`. For each value of it: `logits(column, colour)`, whose memory
 * the next call uses again, then `put(value, column, colour)`.
 */
export function stepsOf(file, width) {
  const { config, info } = file;
  const { model, hidden, channels, levels, layers } = config;
  const gated = model === "gated-pixelcnn";
  const features = gated ? hidden : 2 * hidden;
  const first = gated
    ? gatedBlock(file, width, channels, hidden, 7, "A", channels)
    : convolution(file, width, channels, features, 4, 7, "A", channels);
  const makeBlock = () => {
    if (gated) return gatedBlock(file, width, hidden, hidden, 5, "B", channels);
    if (model === "pixelcnn") return residualBlock(file, width, hidden, channels);
    return recurrentBlock(file, width, model, hidden, channels);
  };
  const blocks = Array.from({ length: layers }, makeBlock);
  const head = outputHead(file, features, channels, levels);

  const { row, left } = gated ? first.horizontal : first; // where the image goes
  const trunk = new Float32Array(features);
  const factor = Math.fround(2 / (levels - 1));
  const scaled = Float32Array.from({ length: levels }, (_, value) => Math.fround(value * factor) - 1);
  const reset = () => {
    for (const part of [first, ...blocks, head]) part.reset();
  };
  const startRow = () => {
    let vertical = first.startRow();
    for (let i = 0; i < layers; i++) vertical = blocks[i].startRow(vertical);
  };
  const logits = (column, colour) => {
    first.compute(column, colour);
    for (let i = 0; i < features; i++) trunk[i] = first.output[i];
    for (let i = 0; i < layers; i++) blocks[i].addTo(trunk, column, colour);
    return head.compute(trunk, colour);
  };
  const put = (value, column, colour) => {
    row[(left + column) * channels + colour] = scaled[value];
  };
  return { config, info, reset, startRow, logits, put };
}

/** Mix the bits of a 32-bit number (PCG-RXS-M-XS). */
function hash(x) {
  const state = (Math.imul(x, 747796405) + 2891336453) | 0;
  const word = Math.imul((state >>> ((state >>> 28) + 4)) ^ state, 277803737);
  return ((word >>> 22) ^ word) >>> 0;
}

/** The uniform number, from 0 to below 1, of a value of an image. */
export function noise(seed, image, place) {
  return (hash(place + hash(image + hash(seed))) >>> 8) / 2 ** 24;
}

/**
 * Draw a value with a uniform number: the number of levels whose cumulated probability it has
 * passed. Writes the probabilities to shares[at] and what follows.
 */
export function drawValue(logits, temperature, uniform, shares, at) {
  const levels = logits.length;
  let most = -Infinity;
  for (let i = 0; i < levels; i++) if (logits[i] > most) most = logits[i];
  let sum = 0;
  for (let i = 0; i < levels; i++) {
    shares[at + i] = Math.exp((logits[i] - most) / temperature);
    sum += shares[at + i];
  }
  let value = 0;
  let cumulated = 0;
  for (let i = 0; i < levels; i++) {
    shares[at + i] /= sum;
    cumulated += shares[at + i];
    if (i < levels - 1 && cumulated <= uniform) value += 1;
  }
  return value;
}

/**
 * Draw a picture: { values, shares }, a value for each place (row by row, pixel by pixel, colour by
 * colour), and the probabilities, `levels` for each place, that it was drawn with.
 *
 * given  a value for each place where it is given, and -1 where the model draws; or null
 */
export function drawPicture(model, height, width, { seed, image, temperature, given }) {
  const { channels, levels } = model.config;
  const values = new Uint8Array(height * width * channels);
  const shares = new Float32Array(values.length * levels);
  let place = 0;
  model.reset();
  for (let row = 0; row < height; row++) {
    model.startRow();
    for (let column = 0; column < width; column++) {
      for (let colour = 0; colour < channels; colour++) {
        const logits = model.logits(column, colour);
        const uniform = noise(seed, image, place);
        const drawn = drawValue(logits, temperature, uniform, shares, place * levels);
        values[place] = given && given[place] >= 0 ? given[place] : drawn;
        model.put(values[place], column, colour);
        place += 1;
      }
    }
  }
  return { values, shares };
}
