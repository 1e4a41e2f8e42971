// The PixelCNN of `pixeledu/models.py` for a batch of grey images: the probabilities of all pixels in
// one pass, and the gradients of all weights in another. Work is a generator that pauses after each
// layer, as in `slices.js`.

import { maskedLayer } from "./layers.js";
import kinds from "../kinds.json" with { type: "json" };

/**
 * A network for at most `most` images. Weights are a list of arrays, a matrix and a bias for each of
 * its layers, in the order of the file.
 *
 * config   { height, width, levels, hidden, layers, firstMask }: as in Python, and the mask of the
 *          first layer: "A", or "B" to see what a leak does
 */
export function networkOf(config, most) {
  const { height, width, levels, hidden, layers, firstMask } = config;
  const { first, trunk } = kinds.pixelcnn;
  const features = trunk * hidden;
  const sizes = { height, width, most };
  const layer = (inputs, outputs, kernel = 1, mask = "B", relu = true) => {
    return maskedLayer({ inputs, outputs, kernel, mask, relu }, sizes);
  };
  const enter = layer(1, features, first.kernel, firstMask, false);
  const blocks = Array.from({ length: layers }, () => {
    return [layer(features, hidden), layer(hidden, hidden, 3), layer(hidden, features)];
  });
  const head = [layer(features, features), layer(features, levels)];
  const all = [enter, ...blocks.flat(), ...head];

  const rows = most * height * width;
  const image = new Float32Array(rows);
  const trunks = Array.from({ length: layers + 1 }, () => new Float32Array(rows * features));
  const trunkGradient = new Float32Array(rows * features);
  let images = 0;

  /** The logits of `values`, whole images one after the other: `levels` numbers for each value. */
  function* forward(weights, values) {
    images = values.length / (height * width);
    values.forEach((value, i) => (image[i] = (value * 2) / (levels - 1) - 1));
    let at = 0;
    const run = (one, x) => one.forward(x, weights[at++], weights[at++], images);
    trunks[0].set(run(enter, image));
    yield 0;
    for (let b = 0; b < layers; b++) {
      let y = trunks[b];
      for (const one of blocks[b]) {
        y = run(one, y);
        yield 0;
      }
      // A block adds to the trunk what its layers make of it.
      for (let i = 0; i < values.length * features; i++) trunks[b + 1][i] = trunks[b][i] + y[i];
    }
    const mixed = run(head[0], trunks[layers]);
    yield 0;
    return run(head[1], mixed);
  }

  /**
   * From the gradient of the logits that `forward` gave last: writes those of the weights into
   * `gradients`, and returns that of the image, which lies between -1 and 1.
   */
  function* backward(weights, gradient, gradients) {
    let at = weights.length;
    const run = (one, g) => {
      at -= 2;
      return one.backward(g, weights[at], gradients[at], gradients[at + 1]);
    };
    const mixed = run(head[1], gradient);
    yield 0;
    trunkGradient.set(run(head[0], mixed));
    yield 0;
    for (const block of [...blocks].reverse()) {
      let g = trunkGradient;
      for (const one of [...block].reverse()) {
        g = run(one, g);
        yield 0;
      }
      for (let i = 0; i < images * height * width * features; i++) trunkGradient[i] += g[i];
    }
    return run(enter, trunkGradient);
  }

  return { config, layers: all, forward, backward };
}

/**
 * The loss: - log p of each value, averaged, as `F.cross_entropy` has it. Writes the gradient of the
 * logits, (softmax - 1 at the value) / number of values, if there is somewhere to write it.
 */
export function crossEntropy(logits, values, levels, gradient = null) {
  let loss = 0;
  for (let n = 0; n < values.length; n++) {
    const at = n * levels;
    let most = -Infinity;
    for (let i = at; i < at + levels; i++) if (logits[i] > most) most = logits[i];
    let sum = 0;
    for (let i = at; i < at + levels; i++) sum += Math.exp(logits[i] - most);
    loss += Math.log(sum) + most - logits[at + values[n]];
    if (!gradient) continue;
    for (let i = 0; i < levels; i++) {
      const share = Math.exp(logits[at + i] - most) / sum;
      gradient[at + i] = (share - (i === values[n] ? 1 : 0)) / values.length;
    }
  }
  return loss / values.length;
}
