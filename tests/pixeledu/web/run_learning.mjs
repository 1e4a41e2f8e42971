// Learns as the page would, for Python to compare. Takes a JSON job { web, config, seed, train, heldOut,
// weights, rate, batches, steps, field }; `web` is the folder of the engine. Weights and gradients are in
// the order of the file. Prints what each batch gives, and what some steps lead to.

import { readFileSync } from "node:fs";

const job = JSON.parse(readFileSync(process.argv[2], "utf8"));
const load = (name) => import(`${job.web}/${name}.js`);
const { crossEntropy, networkOf } = await load("learning/network");
const { learnerOf } = await load("learning/learner");
const { packed } = await load("learning/packing");
const { completed } = await load("slices");

/** Copy a matrix from the file's order (output, input, tap) to the network's (output, tap, input), or back. */
function reordered({ inputs, outputs, taps }, numbers, back) {
  const result = [];
  for (let output = 0; output < outputs; output++) {
    for (let input = 0; input < inputs; input++) {
      for (let tap = 0; tap < taps.length; tap++) {
        const [file, network] = [
          (output * inputs + input) * taps.length + tap,
          (output * taps.length + tap) * inputs + input,
        ];
        result[back ? file : network] = numbers[back ? network : file];
      }
    }
  }
  return result;
}
const both = (network, arrays, back) => arrays.map((numbers, i) => {
  return i % 2 ? [...numbers] : reordered(network.layers[i / 2], numbers, back);
});

const { height, width, levels } = job.config;
const answers = {};
if (job.batches) {
  const pixels = height * width;
  const network = networkOf(job.config, Math.max(...job.batches.map(({ values }) => values.length)) / pixels);
  answers.batches = job.batches.map(({ weights, values }) => {
    const its = both(network, weights, false).map((numbers) => Float32Array.from(numbers));
    const gradients = its.map((array) => new Float32Array(array.length));
    const logits = completed(network.forward(its, Float32Array.from(values)));
    const gradient = new Float32Array(logits.length);
    const loss = crossEntropy(logits, values, levels, gradient);
    completed(network.backward(its, gradient, gradients));
    return { loss, gradients: both(network, gradients, true) };
  });
}
if (job.steps) {
  const [train, heldOut] = [Uint8Array.from(job.train), Uint8Array.from(job.heldOut)];
  const learner = learnerOf(job.config, job.seed, { train, heldOut });
  answers.start = both(learner.network, learner.weights, true);
  answers.seen = [];
  answers.losses = [];
  for (let i = 0; i < job.steps; i++) {
    answers.seen.push([...learner.nextBatch()]);
    answers.losses.push(completed(learner.step(job.rate)));
  }
  answers.weights = both(learner.network, learner.weights, true);
  answers.average = both(learner.network, learner.average, true);
  answers.nats = completed(learner.heldOutNats());
  if (job.config.firstMask === "B") answers.hidden = completed(learner.hiddenNats());
  answers.field = [...completed(learner.field(job.pixel))];
  answers.file = packed(learner.network, learner.average, { steps: job.steps });
}
console.log(JSON.stringify(answers));
