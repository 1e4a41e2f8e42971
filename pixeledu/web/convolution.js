// Masked convolutions, one pixel at a time, and what is built from them alone. Like the step faces in
// `pixeledu/layers`, for one image: what depends on finished rows is computed for the whole row when
// the row starts. All buffers are made once; nothing is allocated for a pixel.

/** Where each colour's share of some features begins; [channels] is the end. */
export function groupStarts(features, channels) {
  return Array.from({ length: channels + 1 }, (_, colour) => Math.ceil((colour * features) / channels));
}

/** Which colour each feature belongs to, gate by gate. */
export function coloursOf(features, channels, gates = 1) {
  const size = features / gates;
  return Array.from({ length: features }, (_, i) => Math.floor(((i % size) * channels) / size));
}

/** The rows of a matrix, or the numbers of a vector, so that those of each colour stand together. */
export function byColour(values, features, channels, gates) {
  const colours = coloursOf(features, channels, gates);
  const order = [...colours.keys()].sort((a, b) => colours[a] - colours[b] || a - b);
  const size = values.length / features;
  const result = new Float32Array(values.length);
  order.forEach((from, to) => {
    result.set(values.subarray(from * size, (from + 1) * size), to * size);
  });
  return result;
}

/** Each row of a matrix as (taps, inputs), the order in which pixels lie, and not (inputs, taps). */
export function tapsFirst(weights, inputs, taps) {
  const result = new Float32Array(weights.length);
  for (let i = 0; i < weights.length; i++) {
    const column = i % (inputs * taps);
    result[i - column + (column % taps) * inputs + Math.floor(column / taps)] = weights[i];
  }
  return result;
}

/**
 * A part of a matrix whose rows are `stride` long: from `row` to before `end`, and in each row `count`
 * numbers from `column` on. Four rows lie beside each other, number by number, as `addProducts` reads
 * them: that is three times as fast as row after row.
 */
export function partOf(values, stride, row, end, column, count) {
  const numbers = new Float32Array(4 * Math.ceil((end - row) / 4) * count);
  for (let r = 0; r < end - row; r++) {
    const at = 4 * count * (r >> 2) + (r & 3);
    for (let i = 0; i < count; i++) numbers[at + 4 * i] = values[(row + r) * stride + column + i];
  }
  return { numbers, rows: end - row, count };
}

/** A whole matrix as such a part. */
export function wholeOf(values, rows) {
  const stride = values.length / rows;
  return partOf(values, stride, 0, rows, 0, stride);
}

/** y[to + r] += the product of row r of a matrix with x[from], x[from + 1], … */
export function addProducts(matrix, y, to, x, from) {
  const { numbers, rows, count } = matrix;
  const end = from + count;
  let at = 0;
  for (let row = 0; row < rows; row += 4) {
    let a = 0;
    let b = 0;
    let c = 0;
    let d = 0;
    for (let i = from; i < end; i++) {
      const value = x[i];
      a += numbers[at] * value;
      b += numbers[at + 1] * value;
      c += numbers[at + 2] * value;
      d += numbers[at + 3] * value;
      at += 4;
    }
    y[to + row] += a;
    if (row + 1 < rows) y[to + row + 1] += b;
    if (row + 2 < rows) y[to + row + 2] += c;
    if (row + 3 < rows) y[to + row + 3] += d;
  }
}

/**
 * A masked convolution whose kernel has `rows` rows, the last through the pixel, and is `kernel` wide.
 *
 * row, left, inputs    the features of pixel `column` begin at row[(left + column) * inputs]
 * begins               where each colour's part of them begins
 * output, targets      the result of `compute`, and where each colour's part of it begins
 * rowSums, clearRowSums  what each pixel gets from above, bias included: another layer may add to it
 */
export function convolution(file, width, inputs, outputs, rows, kernel, mask, channels, gates = 1) {
  const left = kernel >> 1;
  const [sources, colours] = [coloursOf(inputs, channels), coloursOf(outputs, channels, gates)];
  const closed = (output, column) => {
    const [tap, input] = [column % (rows * kernel), Math.floor(column / (rows * kernel))];
    const place = tap - (rows - 1) * kernel - left; // counted from the pixel itself
    if (place) return place > 0;
    return mask === "A" ? sources[input] >= colours[output] : sources[input] > colours[output];
  };
  const count = kernel * inputs; // numbers in a row of the kernel
  const taps = tapsFirst(file.matrix(outputs, rows * count, closed), inputs, rows * kernel);
  const weights = byColour(taps, outputs, channels, gates);
  const bias = byColour(file.vector(outputs), outputs, channels, gates);
  const begins = groupStarts(inputs, channels);
  const targets = groupStarts(outputs / gates, channels).map((start) => start * gates);
  const tapsAbove = Array.from({ length: rows - 1 }, (_, r) => {
    return partOf(weights, rows * count, 0, outputs, r * count, count);
  });
  // Of the row itself: the pixels to the left, and of the pixel what this colour may see.
  const tapsHere = Array.from({ length: channels }, (_, colour) => {
    const seen = left * inputs + begins[mask === "A" ? colour : colour + 1];
    const [from, to] = [targets[colour], targets[colour + 1]];
    return partOf(weights, rows * count, from, to, (rows - 1) * count, seen);
  });
  const stretch = (width + 2 * left) * inputs;
  const above = new Float32Array((rows - 1) * stretch); // finished rows
  const row = new Float32Array(stretch);
  const rowSums = new Float32Array(width * outputs);
  const output = new Float32Array(outputs);
  let begun = false;

  const clearRowSums = () => {
    for (let column = 0; column < width; column++) rowSums.set(bias, column * outputs);
  };
  const reset = () => {
    above.fill(0);
    row.fill(0);
    clearRowSums();
    begun = false;
  };
  const startRow = () => {
    if (begun && rows > 1) {
      above.copyWithin(0, stretch);
      above.set(row, (rows - 2) * stretch);
      clearRowSums();
      for (let column = 0; column < width; column++) {
        for (let r = 0; r < rows - 1; r++) {
          const from = r * stretch + column * inputs;
          addProducts(tapsAbove[r], rowSums, column * outputs, above, from);
        }
      }
    }
    begun = true;
  };
  const compute = (column, colour) => {
    const from = targets[colour];
    // y = (share of the rows above and bias) + W · (pixels to the left, the pixel itself)
    for (let i = from; i < targets[colour + 1]; i++) output[i] = rowSums[column * outputs + i];
    addProducts(tapsHere[colour], output, from, row, column * inputs);
  };
  const places = { row, left, inputs, begins, output, targets, rowSums };
  return { ...places, clearRowSums, reset, startRow, compute };
}

/** A 1×1 convolution: it remembers nothing, and column 0 serves all. */
export function pointwise(file, inputs, outputs, channels) {
  return convolution(file, 1, inputs, outputs, 1, 1, "B", channels);
}

/** Copy a colour's part of x to where a layer reads it. */
export function put(x, layer, column, colour) {
  const place = (layer.left + column) * layer.inputs;
  const end = layer.begins[colour + 1];
  for (let i = layer.begins[colour]; i < end; i++) layer.row[place + i] = x[i];
}

/** The same through a ReLU. */
export function putAboveZero(x, layer, column, colour) {
  const place = (layer.left + column) * layer.inputs;
  const end = layer.begins[colour + 1];
  for (let i = layer.begins[colour]; i < end; i++) layer.row[place + i] = x[i] > 0 ? x[i] : 0;
}

/** Add a colour's part of a layer's output to x. */
export function addOutput(x, layer, colour) {
  const end = layer.targets[colour + 1];
  for (let i = layer.targets[colour]; i < end; i++) x[i] += layer.output[i];
}
