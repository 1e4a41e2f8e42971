// The recurrent layers, one pixel at a time, as in `pixeledu/layers`, for one image. When a row starts,
// `shares` add what a condition gives to the `gates`; `orders` say how each of them has its rows ordered.

import { addProducts, byColour, coloursOf, convolution, groupStarts } from "./convolution.js";
import { partOf, put, tapsFirst, wholeOf } from "./convolution.js";

/** σ(z) */
export function sigmoid(z) {
  return 1 / (1 + Math.exp(-z));
}

/**
 * An LSTM cell: z[at] and what follows are the sums for o, f, i, g, `count` of each. memory[from] and
 * what follows is c of the cell before and becomes that of this one; h goes to hidden[to].
 */
function advance(z, at, count, memory, from, hidden, to) {
  for (let n = 0; n < count; n++) {
    const o = sigmoid(z[at + n]);
    const f = sigmoid(z[at + count + n]);
    const i = sigmoid(z[at + 2 * count + n]);
    const g = Math.tanh(z[at + 3 * count + n]);
    // c = f · c_before + i · g
    const c = f * memory[from + n] + i * g;
    memory[from + n] = c;
    // h = o · tanh(c)
    hidden[to + n] = o * Math.tanh(c);
  }
}

/** Give all pixels of a row the same numbers. */
function fillWith(row, numbers) {
  for (let place = 0; place < row.length; place += numbers.length) row.set(numbers, place);
}

/** The Row LSTM: when a row starts, each of its pixels takes three states of the row above. */
export function rowLSTM(file, width, inputs, size, channels) {
  const order = (values) => byColour(values, 4 * size, channels, 4);
  const states = tapsFirst(file.matrix(4 * size, 3 * size), size, 3);
  const taps = wholeOf(order(states), 4 * size);
  const outside = { hidden: file.vector(size), memory: file.vector(size) };
  const gates = convolution(file, width, inputs, 4 * size, 1, 3, "B", channels, 4);
  const groups = groupStarts(size, channels);
  const above = new Float32Array((width + 2) * size); // h of the row above, with a pixel on both sides
  const hidden = new Float32Array(width * size);
  const memory = new Float32Array(width * size);
  const reset = () => {
    gates.reset();
    fillWith(above, outside.hidden);
    fillWith(hidden, outside.hidden);
    fillWith(memory, outside.memory);
  };
  const startRow = ([addShare], condition, row) => {
    above.set(hidden, size);
    gates.clearRowSums();
    addShare(gates.rowSums, condition, row);
    for (let column = 0; column < width; column++) {
      addProducts(taps, gates.rowSums, column * 4 * size, above, column * size);
    }
  };
  const compute = (x, column, colour, result) => {
    put(x, gates, column, colour);
    gates.compute(column, colour);
    const first = groups[colour];
    const end = groups[colour + 1];
    const place = column * size + first;
    advance(gates.output, 4 * first, end - first, memory, place, hidden, place);
    for (let i = first; i < end; i++) result[i] = hidden[column * size + i];
  };
  return { gates: 4 * size, orders: [order], reset, startRow, compute };
}

/**
 * The Diagonal BiLSTM. From left to right the state moves on with each pixel. From right to left it
 * runs over a row that is complete, when the next row starts, which is the first to use it.
 */
export function diagonalBiLSTM(file, width, inputs, size, channels) {
  const states = file.matrix(8 * size, 2 * size); // both directions; each h with two taps
  const outside = { hidden: file.vector(2 * size), memory: file.vector(2 * size) };
  const [sources, targets] = [coloursOf(inputs, channels), coloursOf(8 * size, channels, 8)];
  const closed = (output, input) => sources[input] > targets[output];
  const weights = file.matrix(8 * size, inputs, closed);
  const bias = file.vector(8 * size);
  /** The weights of the direction from the left (0) or from the right (1). */
  const direction = (n, order) => {
    const part = (values) => {
      return order(values.subarray((n * values.length) / 2, ((n + 1) * values.length) / 2));
    };
    return {
      above: wholeOf(part(states.filter((_, i) => i % 2 === 0)), 4 * size),
      before: part(states.filter((_, i) => i % 2 === 1)),
      inputs: part(weights),
      bias: part(bias),
      hidden: outside.hidden.subarray(n * size, (n + 1) * size),
      memory: outside.memory.subarray(n * size, (n + 1) * size),
    };
  };
  const orders = [(values) => byColour(values, 4 * size, channels, 4), (values) => values];
  const [left, right] = orders.map((order, n) => direction(n, order));
  const [begins, groups] = [groupStarts(inputs, channels), groupStarts(size, channels)];
  const ofColour = (values, stride, counts) => {
    return Array.from({ length: channels }, (_, colour) => {
      const [from, to] = [4 * groups[colour], 4 * groups[colour + 1]];
      return partOf(values, stride, from, to, 0, counts[colour]);
    });
  };
  const inputsLeft = ofColour(left.inputs, inputs, begins.slice(1)); // what each colour may see
  const beforeLeft = ofColour(left.before, size, Array(channels).fill(size));
  const [inputsRight, beforeRight] = [right.inputs, right.before].map((v) => wholeOf(v, 4 * size));

  const row = new Float32Array(width * inputs); // the input features
  const hidden = new Float32Array((1 + width) * size); // behind those of the pixel outside
  const above = new Float32Array(width * size);
  const rowSums = new Float32Array(width * 4 * size); // from the row above, and bias
  const sumsRight = new Float32Array(width * 4 * size); // of the finished row: bias and condition
  const fromRight = new Float32Array((width + 1) * size); // before those of the pixel outside
  const aboveRight = new Float32Array(width * size); // the same one row further up
  const memory = new Float32Array(size);
  const z = new Float32Array(4 * size);

  const scanFromRight = () => {
    memory.set(right.memory);
    for (let column = width - 1; column >= 0; column--) {
      const place = column * size;
      for (let i = 0; i < 4 * size; i++) z[i] = sumsRight[4 * place + i];
      addProducts(inputsRight, z, 0, row, column * inputs);
      addProducts(right.above, z, 0, aboveRight, place);
      addProducts(beforeRight, z, 0, fromRight, place + size);
      advance(z, 0, size, memory, 0, fromRight, place);
    }
    for (let i = 0; i < aboveRight.length; i++) aboveRight[i] = fromRight[i];
  };
  const reset = () => {
    fillWith(hidden, left.hidden);
    fillWith(aboveRight, right.hidden);
    fromRight.fill(0); // above the first row there is nothing
    fromRight.set(right.hidden, width * size);
  };
  const startRow = ([addLeft, addRight], condition, row) => {
    for (let i = 0; i < above.length; i++) above[i] = hidden[size + i];
    if (row) {
      fillWith(sumsRight, right.bias);
      addRight(sumsRight, condition, row - 1);
      scanFromRight();
    }
    fillWith(rowSums, left.bias);
    addLeft(rowSums, condition, row);
    for (let column = 0; column < width; column++) {
      addProducts(left.above, rowSums, column * 4 * size, above, column * size);
    }
    memory.set(left.memory);
  };
  const compute = (x, column, colour, result) => {
    for (let i = begins[colour]; i < begins[colour + 1]; i++) row[column * inputs + i] = x[i];
    const first = groups[colour];
    const end = groups[colour + 1];
    for (let i = 4 * first; i < 4 * end; i++) z[i] = rowSums[column * 4 * size + i];
    addProducts(inputsLeft[colour], z, 4 * first, row, column * inputs);
    addProducts(beforeLeft[colour], z, 4 * first, hidden, column * size);
    const place = (1 + column) * size;
    advance(z, 4 * first, end - first, memory, first, hidden, place + first);
    for (let i = first; i < end; i++) result[i] = hidden[place + i] + fromRight[column * size + i];
  };
  return { gates: 8 * size, orders, reset, startRow, compute };
}
