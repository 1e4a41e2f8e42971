// Drawing from a model in the page: the random numbers of `pixeledu/noise.py` and the drawing of
// `pixeledu/sampling.py`.

import { completed } from "./slices.js";

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
 * passed. Writes the probabilities to probabilities[at] and what follows.
 */
export function drawValue(logits, temperature, uniform, probabilities, at) {
  const levels = logits.length;
  let most = -Infinity;
  for (let i = 0; i < levels; i++) if (logits[i] > most) most = logits[i];
  let sum = 0;
  for (let i = 0; i < levels; i++) {
    probabilities[at + i] = Math.exp((logits[i] - most) / temperature);
    sum += probabilities[at + i];
  }
  let value = 0;
  let cumulated = 0;
  for (let i = 0; i < levels; i++) {
    probabilities[at + i] /= sum;
    cumulated += probabilities[at + i];
    if (i < levels - 1 && cumulated <= uniform) value += 1;
  }
  return value;
}

/** The class of an image: every one is equally probable. As in Python, the product is a float32. */
export function drawLabel(classes, seed, image) {
  return Math.floor(Math.fround(noise(seed, image, -1) * classes));
}

/**
 * Draw a picture, a row at a time: yields the number of values that a row took, and returns
 * { values, probabilities, label }, a value for each place (row by row, pixel by pixel, colour by
 * colour), the probabilities, `levels` for each place, that it was drawn with, and its class.
 *
 * given  a value for each place where it is given, and -1 where the model draws; or null
 * label  the class, for a model that knows classes; left out, one is drawn first
 * guide  the values of the smaller picture, for a model that draws from one
 */
export function* drawing(model, height, width, state) {
  const { seed, image, temperature, given, guide = null } = state;
  const { channels, classes, levels } = model.config;
  const label = state.label ?? (classes === null ? null : drawLabel(classes, seed, image));
  const values = new Uint8Array(height * width * channels);
  const probabilities = new Float32Array(values.length * levels);
  let place = 0;
  model.reset({ label, guide }, height);
  for (let row = 0; row < height; row++) {
    model.startRow();
    for (let column = 0; column < width; column++) {
      for (let colour = 0; colour < channels; colour++) {
        const logits = model.logits(column, colour);
        const uniform = noise(seed, image, place);
        const drawn = drawValue(logits, temperature, uniform, probabilities, place * levels);
        values[place] = given && given[place] >= 0 ? given[place] : drawn;
        model.put(values[place], column, colour);
        place += 1;
      }
    }
    yield width * channels;
  }
  return { values, probabilities, label };
}

/** The same without a pause. */
export function drawPicture(model, height, width, state) {
  return completed(drawing(model, height, width, state));
}
