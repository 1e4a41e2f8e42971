// The engine in a worker: it carries out jobs, one after the other, and answers each with what was
// drawn or with { problem }.

import { carryOut } from "./jobs.js";
import { completed } from "./slices.js";

const models = new Map();
const texts = new Map(); // weights, by their number: the page sends them once

self.onmessage = ({ data }) => {
  if (data.weights) texts.set(data.id, data.weights);
  try {
    const drawn = completed(carryOut({ ...data, weights: texts.get(data.id) }, models));
    const arrays = [drawn.values, drawn.probabilities].filter(Boolean); // a lesson has none
    self.postMessage(drawn, arrays.map(({ buffer }) => buffer));
  } catch (error) {
    self.postMessage({ problem: error.message });
  }
};
