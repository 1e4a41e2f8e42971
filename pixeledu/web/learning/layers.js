// The masked convolution over a batch of grey images, forward and backward. `convolution.js` has the
// same layer for one pixel after the other, to draw with.

import { product, sumOfRows, transpose } from "./matrices.js";

/**
 * The open weights of a mask, in the order in which a file has them: { down, right } of the pixel
 * that each one reads, seen from the pixel that is computed.
 */
export function openTaps(kernel, mask) {
  const reach = kernel >> 1;
  const taps = [];
  for (let down = -reach; down <= 0; down++) {
    const end = down < 0 ? reach : mask === "B" ? 0 : -1;
    for (let right = -reach; right <= end; right++) taps.push({ down, right });
  }
  return taps;
}

/** For each pixel and each tap the pixel that is read; -1 where that lies outside the image. */
function pixelsRead(taps, height, width) {
  const read = new Int32Array(height * width * taps.length);
  for (let i = 0; i < read.length; i++) {
    const { down, right } = taps[i % taps.length];
    const pixel = Math.floor(i / taps.length);
    const [row, column] = [Math.floor(pixel / width) + down, (pixel % width) + right];
    read[i] = row < 0 || column < 0 || column >= width ? -1 : row * width + column;
  }
  return read;
}

/**
 * A convolution with the open weights of a mask, after a ReLU if `relu`, for at most `most` images.
 * Features lie pixel by pixel: those of pixel p of image n begin at (n · height · width + p) · features.
 * A weight is a matrix, a row for each output; in a row the taps follow each other, and in a tap the
 * inputs. The results of both functions are memory that the next call uses again.
 *
 * forward(x, weight, bias, images)      the outputs
 * backward(gradient, weight, weightGradient, biasGradient)   of what `forward` had last: writes the
 *     gradients of the weights, and returns that of x
 */
export function maskedLayer({ inputs, outputs, kernel, mask, relu }, { height, width, most }) {
  const taps = openTaps(kernel, mask);
  const pixels = height * width;
  const [rows, count] = [most * pixels, taps.length * inputs];
  const read = pixelsRead(taps, height, width);
  const arrayOf = (size) => new Float32Array(rows * size);
  const opened = arrayOf(inputs); // x through the ReLU
  const columns = taps.length > 1 ? arrayOf(count) : opened; // what each pixel reads
  const output = arrayOf(outputs);
  const [outputGradients, columnsOnce] = [arrayOf(outputs), arrayOf(count)]; // transposed
  const columnGradients = arrayOf(count);
  const inputGradient = arrayOf(inputs);
  const weightOnce = new Float32Array(outputs * count); // transposed
  let used = 0; // rows

  const gather = () => {
    for (let first = 0, to = 0; first < used; first += pixels) {
      for (let i = 0; i < read.length; i++, to += inputs) {
        const from = (first + read[i]) * inputs;
        for (let k = 0; k < inputs; k++) columns[to + k] = read[i] < 0 ? 0 : opened[from + k];
      }
    }
  };
  const scatter = () => {
    if (columns === opened) return inputGradient.set(columnGradients);
    inputGradient.fill(0);
    for (let first = 0, from = 0; first < used; first += pixels) {
      for (let i = 0; i < read.length; i++, from += inputs) {
        if (read[i] < 0) continue;
        const to = (first + read[i]) * inputs;
        for (let k = 0; k < inputs; k++) inputGradient[to + k] += columnGradients[from + k];
      }
    }
  };

  const forward = (x, weight, bias, images) => {
    used = images * pixels;
    for (let i = 0; i < used * inputs; i++) opened[i] = relu && x[i] < 0 ? 0 : x[i];
    if (columns !== opened) gather();
    product(columns, weight, bias, output, used, count, outputs);
    return output;
  };
  const backward = (gradient, weight, weightGradient, biasGradient) => {
    sumOfRows(gradient, biasGradient, used, outputs);
    transpose(gradient, outputGradients, used, outputs);
    transpose(columns, columnsOnce, used, count);
    product(outputGradients, columnsOnce, null, weightGradient, outputs, used, count);
    transpose(weight, weightOnce, outputs, count);
    product(gradient, weightOnce, null, columnGradients, used, outputs, count);
    scatter();
    if (relu) for (let i = 0; i < used * inputs; i++) if (opened[i] <= 0) inputGradient[i] = 0;
    return inputGradient;
  };
  return { inputs, outputs, kernel, taps, forward, backward };
}
