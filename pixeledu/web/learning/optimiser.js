// What `pixeledu.fit` does with gradients: it shortens long ones, takes a step of AdamW, and moves the
// averaged weights after the present ones. The constants are those of `fit` and of torch's AdamW.

const CLIP = 1;
const DECAY = 0.01;
const BETA1 = 0.9;
const BETA2 = 0.999;
const EPSILON = 1e-8;
const AVERAGE = 0.999;

/** Scale gradients down so that their common length is at most `CLIP`; returns what it was. */
export function clipped(gradients) {
  let sum = 0;
  for (const gradient of gradients) for (const g of gradient) sum += g * g;
  const length = Math.sqrt(sum);
  const scale = Math.min(1, CLIP / (length + 1e-6));
  if (scale < 1) for (const gradient of gradients) gradient.forEach((g, i) => (gradient[i] = g * scale));
  return length;
}

/** An optimiser: `step(weights, gradients, rate)` moves the weights. */
export function adamW(weights) {
  const zeros = () => weights.map((weight) => new Float32Array(weight.length));
  const [means, squares] = [zeros(), zeros()];
  let steps = 0;
  const step = (weights, gradients, rate) => {
    steps += 1;
    const size = rate / (1 - BETA1 ** steps);
    const correction = Math.sqrt(1 - BETA2 ** steps);
    weights.forEach((weight, k) => {
      const [gradient, mean, square] = [gradients[k], means[k], squares[k]];
      for (let i = 0; i < weight.length; i++) {
        const g = gradient[i];
        mean[i] += (1 - BETA1) * (g - mean[i]);
        square[i] = BETA2 * square[i] + (1 - BETA2) * g * g;
        const kept = weight[i] * (1 - rate * DECAY);
        weight[i] = kept - (size * mean[i]) / (Math.sqrt(square[i]) / correction + EPSILON);
      }
    });
  };
  return { step };
}

/** Move averaged weights a little towards the present ones; early on the average forgets faster. */
export function moveAverage(average, weights, step) {
  const share = 1 - Math.min(AVERAGE, (1 + step) / (10 + step));
  average.forEach((slow, k) => {
    for (let i = 0; i < slow.length; i++) slow[i] += share * (weights[k][i] - slow[i]);
  });
}
