// A small PixelCNN that learns in the page: the steps of `pixeledu.fit` at a constant learning rate.
// Work is a generator, as in `slices.js`; all chance comes from the seed.

import { noise } from "../sampling.js";
import { adamW, clipped, moveAverage } from "./optimiser.js";
import { crossEntropy, networkOf } from "./network.js";

const BATCH = 16;
// The pictures of a seed have the numbers 0, 1, …: chance for other things comes from further up.
const WEIGHTS = 2 ** 30;
const ORDERS = 2 ** 31;

/** The weights that learning begins with, as in `pixeledu.MaskedConv2d`: from -bound to bound. */
export function firstWeights(network, seed) {
  return network.layers.flatMap(({ inputs, outputs, kernel, taps }, i) => {
    const bound = (inputs * ((kernel + 1) / 2) * kernel) ** -0.5;
    const arrayOf = (length, number) => {
      return Float32Array.from({ length }, (_, place) => (2 * noise(seed, number, place) - 1) * bound);
    };
    return [arrayOf(outputs * taps.length * inputs, WEIGHTS + 2 * i), arrayOf(outputs, WEIGHTS + 2 * i + 1)];
  });
}

/** The numbers from 0 to count - 1 in an order by chance, another one in each epoch. */
export function shuffled(count, seed, epoch) {
  const order = [...Array(count).keys()];
  for (let i = count - 1; i > 0; i--) {
    const j = Math.floor(noise(seed, ORDERS + epoch, i) * (i + 1));
    [order[i], order[j]] = [order[j], order[i]];
  }
  return order;
}

/**
 * One that learns.
 *
 * config     see `networkOf`
 * seed       of the first weights and the order of the images
 * train, heldOut    values of whole images, one after the other
 */
export function learnerOf(config, seed, { train, heldOut }) {
  const { height, width, levels } = config;
  const pixels = height * width;
  const network = networkOf(config, BATCH);
  const weights = firstWeights(network, seed);
  const copied = (arrays) => arrays.map((array) => array.slice());
  const average = copied(weights);
  const gradients = copied(weights);
  const optimiser = adamW(weights);
  const logitGradient = new Float32Array(BATCH * pixels * levels);
  const count = train.length / pixels;
  const batches = Math.ceil(count / BATCH);
  let order = null;
  let steps = 0;

  const nextBatch = () => {
    const [epoch, place] = [Math.floor(steps / batches), steps % batches];
    if (!place || !order) order = shuffled(count, seed, epoch);
    const chosen = order.slice(place * BATCH, (place + 1) * BATCH);
    const values = new Uint8Array(chosen.length * pixels);
    chosen.forEach((image, i) => {
      values.set(train.subarray(image * pixels, (image + 1) * pixels), i * pixels);
    });
    return values;
  };

  /** One step with a learning rate; returns the loss of its batch in nats an image. */
  function* step(rate) {
    const values = nextBatch();
    const logits = yield* network.forward(weights, values);
    const loss = pixels * crossEntropy(logits, values, levels, logitGradient);
    if (!Number.isFinite(loss)) throw new Error("the loss is no number any more");
    yield* network.backward(weights, logitGradient, gradients);
    clipped(gradients);
    optimiser.step(weights, gradients, rate);
    moveAverage(average, weights, steps);
    steps += 1;
    return loss;
  }

  /** What the held-out images cost the averaged weights, in nats an image. */
  function* heldOutNats(its = average) {
    let sum = 0;
    for (let at = 0; at < heldOut.length; at += BATCH * pixels) {
      const values = heldOut.subarray(at, at + BATCH * pixels);
      const logits = yield* network.forward(its, values);
      sum += values.length * crossEntropy(logits, values, levels);
    }
    return (sum * pixels) / heldOut.length;
  }

  /** The same with the pixel itself hidden in the first layer, as when the model draws. */
  function* hiddenNats() {
    const [{ taps }] = network.layers;
    const itself = taps.findIndex(({ down, right }) => !down && !right);
    const closed = average[0].map((weight, i) => (i % taps.length === itself ? 0 : weight));
    return yield* heldOutNats([closed, ...average.slice(1)]);
  }

  /**
   * How strongly the logits at a pixel depend on each pixel, over the first held-out images: the mean
   * absolute gradient, with weights by chance on the logits, as `pixeledu.receptive_field`.
   */
  function* field(pixel) {
    const values = heldOut.subarray(0, BATCH * pixels);
    yield* network.forward(average, values);
    logitGradient.fill(0);
    for (let i = 0; i < values.length * levels; i++) {
      const here = Math.floor(i / levels) % pixels === pixel;
      if (here) logitGradient[i] = 2 * noise(seed, ORDERS - 1, i % levels) - 1;
    }
    const slopes = yield* network.backward(average, logitGradient, copied(weights));
    const mean = new Float32Array(pixels);
    for (let i = 0; i < values.length; i++) {
      mean[i % pixels] += Math.abs(slopes[i]) / (values.length / pixels);
    }
    return mean;
  }

  return {
    ...{ network, weights, average, gradients, nextBatch, step, heldOutNats, hiddenNats, field },
    get steps() {
      return steps;
    },
  };
}
