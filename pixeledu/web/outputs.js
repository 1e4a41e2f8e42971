// What a model says of a value, as in `pixeledu/outputs.py`: a softmax, or a mixture of logistics. Both
// give the logits of every level.

import { pointwise, putAboveZero } from "./convolution.js";

const COMPONENTS = 5;
const LEAST_LOG_SCALE = -8;
const LARGEST_LOG_SCALE = 4;

/** How many numbers the network gives for a value, and what makes logits of them, for each output. */
export const OUTPUTS = {
  softmax: (levels) => ({ parameters: levels, logitsOf: (parameters) => parameters }),
  logistics: (levels) => ({ parameters: 3 * COMPONENTS, logitsOf: mixtureOf(levels) }),
};

/** The output head: twice ReLU and 1×1. `compute` returns the logits of a colour. */
export function outputHead(file, features) {
  const { channels, levels, output } = file.config;
  const { parameters, logitsOf } = OUTPUTS[output](levels);
  const mix = pointwise(file, features, features, channels);
  const predict = pointwise(file, features, channels * parameters, channels);
  const said = Array.from({ length: channels }, (_, colour) => {
    return predict.output.subarray(colour * parameters, (colour + 1) * parameters);
  });
  const reset = () => {
    for (const layer of [mix, predict]) layer.reset();
  };
  const compute = (x, colour) => {
    putAboveZero(x, mix, 0, colour);
    mix.compute(0, colour);
    putAboveZero(mix.output, predict, 0, colour);
    predict.compute(0, colour);
    return logitsOf(said[colour]);
  };
  return { reset, compute };
}

/**
 * A mixture of logistic densities over a line on which the levels reach from -1 to 1, cut halfway
 * between them; the first and the last level stand for all that lies beyond them as well. The
 * parameters are the weights, the means and the log scales of the components.
 */
function mixtureOf(levels) {
  const half = 1 / (levels - 1);
  const logits = new Float32Array(levels);
  const terms = new Float64Array(levels * COMPONENTS); // [level][component]
  return (parameters) => {
    let most = -Infinity;
    for (let k = 0; k < COMPONENTS; k++) if (parameters[k] > most) most = parameters[k];
    let sum = 0;
    for (let k = 0; k < COMPONENTS; k++) sum += Math.exp(parameters[k] - most);
    for (let k = 0; k < COMPONENTS; k++) {
      const mean = parameters[COMPONENTS + k];
      const logScale = parameters[2 * COMPONENTS + k];
      const sharpness = Math.exp(-Math.min(Math.max(logScale, LEAST_LOG_SCALE), LARGEST_LOG_SCALE));
      const logWeight = parameters[k] - most - Math.log(sum);
      const logStretch = Math.log(-Math.expm1(-2 * half * sharpness));
      // σ(upper) - σ(lower) = σ(upper) · σ(-lower) · (1 - exp(lower - upper)); of each border both logs
      let logAbove = 0; // log σ(-lower): all of the line lies above the first level's lower border
      for (let level = 0; level < levels; level++) {
        const upper = ((2 * level + 1) * half - 1 - mean) * sharpness;
        const isLast = level === levels - 1;
        const logBelow = isLast ? 0 : Math.min(upper, 0) - Math.log1p(Math.exp(-Math.abs(upper)));
        const inner = level && !isLast ? logStretch : 0;
        terms[level * COMPONENTS + k] = logWeight + logBelow + logAbove + inner;
        logAbove = logBelow - upper;
      }
    }
    // log Σ_k π_k · p_k
    for (let level = 0; level < levels; level++) {
      const at = level * COMPONENTS;
      let largest = -Infinity;
      for (let k = 0; k < COMPONENTS; k++) if (terms[at + k] > largest) largest = terms[at + k];
      let total = 0;
      for (let k = 0; k < COMPONENTS; k++) total += Math.exp(terms[at + k] - largest);
      logits[level] = largest + Math.log(total);
    }
    return logits;
  };
}
