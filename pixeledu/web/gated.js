// The gated block, one pixel at a time, as in `pixeledu/layers/gated.py`, for one image.

import { addOutput, addProducts, byColour, convolution, groupStarts } from "./convolution.js";
import { partOf, pointwise, put, tapsFirst, wholeOf } from "./convolution.js";
import { sigmoid } from "./lstm.js";

/**
 * A gated block. The vertical map of a row depends on finished rows alone: `startRow` takes that of
 * the block before and returns its own. The first block (mask A) reads the image instead, into
 * `horizontal`, and its `output` is the trunk that the others add to.
 */
export function gatedBlock(file, width, inputs, hidden, kernel, mask, channels) {
  const reach = kernel >> 1;
  const rows = reach + (mask === "B" ? 1 : 0);
  const count = kernel * inputs;
  const weights = tapsFirst(file.matrix(2 * hidden, rows * count), inputs, rows * kernel);
  const taps = Array.from({ length: rows }, (_, r) => {
    return partOf(weights, rows * count, 0, 2 * hidden, r * count, count);
  });
  const bias = file.vector(2 * hidden);
  const horizontal = convolution(file, width, inputs, 2 * hidden, 1, kernel, mask, channels, 2);
  const square = file.matrix(2 * hidden, 2 * hidden);
  const link = wholeOf(byColour(square, 2 * hidden, channels, 2), 2 * hidden);
  const expand = pointwise(file, hidden, hidden, channels);
  const groups = groupStarts(hidden, channels);
  const stretch = (width + 2 * reach) * inputs;
  const above = new Float32Array(rows * stretch);
  const sums = new Float32Array(2 * hidden);
  const vertical = new Float32Array(width * hidden);

  const reset = () => {
    above.fill(0);
    horizontal.reset();
    expand.reset();
  };
  const startRow = (row) => {
    above.copyWithin(0, stretch);
    if (mask === "A") above.set(horizontal.row, (rows - 1) * stretch);
    else above.set(row, (rows - 1) * stretch + reach * inputs);
    horizontal.clearRowSums();
    for (let column = 0; column < width; column++) {
      // [f, g] = K^vertical ⊛ v
      sums.set(bias);
      for (let r = 0; r < rows; r++) {
        addProducts(taps[r], sums, 0, above, r * stretch + column * inputs);
      }
      // what the horizontal gates take from it: K^link [f, g]
      addProducts(link, horizontal.rowSums, column * 2 * hidden, sums, 0);
      // v = tanh(f) · σ(g)
      for (let i = 0; i < hidden; i++) {
        vertical[column * hidden + i] = Math.tanh(sums[i]) * sigmoid(sums[hidden + i]);
      }
    }
    return vertical;
  };
  const compute = (column, colour) => {
    horizontal.compute(column, colour);
    const first = groups[colour];
    const end = groups[colour + 1];
    // K^expand (tanh(f) · σ(g)); in the output f of this colour stands before its g
    for (let i = first; i < end; i++) {
      expand.row[i] = Math.tanh(horizontal.output[first + i]) * sigmoid(horizontal.output[end + i]);
    }
    expand.compute(0, colour);
  };
  const addTo = (x, column, colour) => {
    put(x, horizontal, column, colour);
    compute(column, colour);
    addOutput(x, expand, colour);
  };
  return { horizontal, output: expand.output, reset, startRow, compute, addTo };
}
