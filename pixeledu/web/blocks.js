// The residual blocks, one pixel at a time, as in `pixeledu/layers/blocks.py`, for one image: each adds
// to the trunk of 2h features what its layer makes of it.

import { conditionShares } from "./conditions.js";
import { addOutput, convolution, pointwise, putAboveZero } from "./convolution.js";

/** The block of the PixelCNN: ReLU and 1×1, ReLU and masked 3×3, ReLU and 1×1. */
export function residualBlock(file, width, hidden, channels) {
  const reduce = pointwise(file, 2 * hidden, hidden, channels);
  const convolve = convolution(file, width, hidden, hidden, 2, 3, "B", channels);
  const expand = pointwise(file, hidden, 2 * hidden, channels);
  const [addShare] = conditionShares(file, width, hidden, (values) => values);
  const reset = () => {
    for (const layer of [reduce, convolve, expand]) layer.reset();
  };
  const startRow = (vertical, condition, row) => {
    convolve.startRow();
    addShare(convolve.rowSums, condition, row);
  };
  const addTo = (x, column, colour) => {
    putAboveZero(x, reduce, 0, colour);
    reduce.compute(0, colour);
    putAboveZero(reduce.output, convolve, column, colour);
    convolve.compute(column, colour);
    putAboveZero(convolve.output, expand, 0, colour);
    expand.compute(0, colour);
    addOutput(x, expand, colour);
  };
  return { reset, startRow, addTo };
}

/** The recurrent block: an LSTM layer and a 1×1 convolution. */
export function recurrentBlock(layer, file, width, hidden, channels) {
  const lstm = layer(file, width, 2 * hidden, hidden, channels);
  const expand = pointwise(file, hidden, 2 * hidden, channels);
  const shares = conditionShares(file, width, lstm.gates, ...lstm.orders);
  const reset = () => {
    lstm.reset();
    expand.reset();
  };
  const startRow = (vertical, condition, row) => lstm.startRow(shares, condition, row);
  const addTo = (x, column, colour) => {
    lstm.compute(x, column, colour, expand.row);
    expand.compute(0, colour);
    addOutput(x, expand, colour);
  };
  return { reset, startRow, addTo };
}
