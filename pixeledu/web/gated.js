// The gated block, one pixel at a time, as in `pixeledu/layers/gated.py`, for one image.

import { conditionShares } from "./conditions.js";
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
  const order = (values) => byColour(values, 2 * hidden, channels, 2);
  const link = wholeOf(order(file.matrix(2 * hidden, 2 * hidden)), 2 * hidden);
  const expand = pointwise(file, hidden, hidden, channels);
  const [addToVertical, addToHorizontal] = conditionShares(
    file,
    width,
    4 * hidden,
    (values) => values,
    order,
  );
  const groups = groupStarts(hidden, channels);
  const stretch = (width + 2 * reach) * inputs;
  const above = new Float32Array(rows * stretch);
  const sums = new Float32Array(width * 2 * hidden);
  const vertical = new Float32Array(width * hidden);

  const reset = () => {
    above.fill(0);
    horizontal.reset();
    expand.reset();
  };
  const startRow = (before, condition, row) => {
    above.copyWithin(0, stretch);
    if (mask === "A") above.set(horizontal.row, (rows - 1) * stretch);
    else above.set(before, (rows - 1) * stretch + reach * inputs);
    horizontal.clearRowSums();
    for (let column = 0; column < width; column++) {
      const place = column * 2 * hidden;
      // [f, g] = K^vertical ⊛ v
      sums.set(bias, place);
      for (let r = 0; r < rows; r++) {
        addProducts(taps[r], sums, place, above, r * stretch + column * inputs);
      }
      // what the horizontal gates take from it: K^link [f, g]
      addProducts(link, horizontal.rowSums, place, sums, place);
    }
    // [f, g] = [f, g] + V ⊛ condition, for both maps
    addToVertical(sums, condition, row);
    addToHorizontal(horizontal.rowSums, condition, row);
    for (let column = 0; column < width; column++) {
      const place = column * 2 * hidden;
      // v = tanh(f) · σ(g)
      for (let i = 0; i < hidden; i++) {
        vertical[column * hidden + i] = Math.tanh(sums[place + i]) * sigmoid(sums[place + hidden + i]);
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
