// What a picture depends on besides its own pixels, as in `pixeledu/conditions.py`, for one image: its
// class, and a smaller picture of the same scene.

import { whole } from "./checks.js";
import { addProducts, partOf, tapsFirst, wholeOf } from "./convolution.js";

/**
 * The condition of a model: `of({ label, guide }, height)` checks what is given and returns the
 * condition of a picture: { features, map }, the same features for all pixels or, as a map, those of
 * each, row by row; null for a model that depends on nothing.
 */
export function conditionOf(file, width) {
  const { classes, guide, hidden } = file.config;
  const labels = classes === null ? null : file.matrix(classes, hidden);
  const enlarge = guide === null ? null : enlarging(file, width);
  const of = ({ label, guide: small }, height) => {
    checkLabel(label, classes);
    if (!enlarge && given(small)) throw new Error("guide should be left out: the model draws from none");
    if (!labels && !enlarge) return null;
    const features = labels ? labels.slice(label * hidden, (label + 1) * hidden) : new Float32Array(hidden);
    return enlarge ? { features: enlarge(small, features, height), map: true } : { features, map: false };
  };
  return { of };
}

function given(value) {
  return value !== null && value !== undefined;
}

function checkLabel(label, classes) {
  if (classes !== null) whole(label, 0, classes - 1, "label");
  else if (given(label)) throw new Error("label should be left out: the model knows no classes");
}

/** A guide made into the features of all pixels: two convolutions 3×3 and a transposed one. */
function enlarging(file, width) {
  const { channels, guide: factor, hidden, levels } = file.config;
  const read = windowed(file, channels, hidden);
  const mix = windowed(file, hidden, hidden);
  const square = factor * factor;
  const weights = file.matrix(hidden, hidden * square); // (its input, its output, factor, factor)
  const bias = file.vector(hidden);
  // One matrix for each pixel of the square that a pixel of the guide becomes.
  const parts = Array.from({ length: square }, (_, place) => {
    const part = Float32Array.from({ length: hidden * hidden }, (_, i) => {
      const [output, input] = [Math.floor(i / hidden), i % hidden];
      return weights[(input * hidden + output) * square + place];
    });
    return wholeOf(part, hidden);
  });
  const scale = scaleOf(levels);
  return (guide, label, height) => {
    const [rows, columns] = [height / factor, width / factor];
    const size = rows * columns * channels;
    const fits = (value) => Number.isInteger(value) && value >= 0 && value < levels;
    if (!Number.isInteger(rows) || !Number.isInteger(columns)) {
      throw new Error(`height and width should be multiples of ${factor} and are ${height} and ${width}`);
    }
    if (guide?.length !== size || !Array.from(guide).every(fits)) {
      throw new Error(
        `guide should hold ${size} whole numbers from 0 to ${levels - 1}, those of ` +
          `${rows}×${columns} pixels, and holds ${guide?.length ?? "nothing"}`,
      );
    }
    const scaled = Float32Array.from(guide, (value) => scale[value]);
    const small = mix(read(scaled, rows, columns), rows, columns);
    const large = new Float32Array(height * width * hidden);
    for (let pixel = 0; pixel < height * width; pixel++) {
      const [row, column] = [Math.floor(pixel / width), pixel % width];
      const from = (Math.floor(row / factor) * columns + Math.floor(column / factor)) * hidden;
      for (let i = 0; i < hidden; i++) large[pixel * hidden + i] = bias[i] + label[i];
      const part = parts[(row % factor) * factor + (column % factor)];
      addProducts(part, large, pixel * hidden, small, from);
    }
    return large;
  };
}

/** A convolution 3×3 without a mask and a ReLU: (x, height, width) => features, pixel by pixel. */
function windowed(file, inputs, outputs) {
  const weights = tapsFirst(file.matrix(outputs, inputs * 9), inputs, 9);
  const count = 3 * inputs;
  const taps = [0, 1, 2].map((row) => partOf(weights, 3 * count, 0, outputs, row * count, count));
  const bias = file.vector(outputs);
  return (x, height, width) => {
    const stretch = (width + 2) * inputs;
    const padded = new Float32Array((height + 2) * stretch);
    for (let row = 0; row < height; row++) {
      const line = x.subarray(row * width * inputs, (row + 1) * width * inputs);
      padded.set(line, (row + 1) * stretch + inputs);
    }
    const result = new Float32Array(height * width * outputs);
    for (let pixel = 0; pixel < height * width; pixel++) {
      const [row, column] = [Math.floor(pixel / width), pixel % width];
      result.set(bias, pixel * outputs);
      taps.forEach((part, r) => {
        addProducts(part, result, pixel * outputs, padded, (row + r) * stretch + column * inputs);
      });
    }
    return result.map((value) => (value > 0 ? value : 0));
  };
}

/** What the network reads for each level: -1 … 1. */
export function scaleOf(levels) {
  const factor = Math.fround(2 / (levels - 1));
  return Float32Array.from({ length: levels }, (_, value) => Math.fround(value * factor) - 1);
}

/**
 * What a block adds to its sums for a condition: a 1×1 convolution with so many `outputs`, in as many
 * equal parts as there are `orders`, each of which orders the rows of its part of the matrix. For each
 * part a function (sums, condition, row) that adds to the sums of all pixels of a row.
 */
export function conditionShares(file, width, outputs, ...orders) {
  const { classes, guide, hidden } = file.config;
  if (classes === null && guide === null) return orders.map(() => () => {});
  const weights = file.matrix(outputs, hidden);
  const size = weights.length / orders.length;
  return orders.map((order, n) => {
    const part = order(weights.subarray(n * size, (n + 1) * size));
    return projectionOf(wholeOf(part, outputs / orders.length), width);
  });
}

function projectionOf(matrix, width) {
  const { rows, count } = matrix;
  const share = new Float32Array(rows);
  let known = null; // the condition of which `share` is made: of a label it is the same for all pixels
  return (sums, condition, row) => {
    if (condition.map) {
      for (let column = 0; column < width; column++) {
        const from = (row * width + column) * count;
        addProducts(matrix, sums, column * rows, condition.features, from);
      }
      return;
    }
    if (known !== condition) {
      share.fill(0);
      addProducts(matrix, share, 0, condition.features, 0);
      known = condition;
    }
    for (let column = 0; column < width; column++) {
      for (let i = 0; i < rows; i++) sums[column * rows + i] += share[i];
    }
  };
}
