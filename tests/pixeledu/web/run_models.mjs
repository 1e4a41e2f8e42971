// Runs models from their files as the page would, for Python to compare. Takes the path of a JSON list
// of jobs; writes for each job the logits of given images to a file, and prints the pictures it draws.

import { readFileSync, writeFileSync } from "node:fs";

import { modelFrom } from "../../../pixeledu/web/models.js";
import { drawPicture, noise } from "../../../pixeledu/web/sampling.js";

/** The logits of every value of an image of which the model is told each value after it. */
function teacherForced(model, height, width, image, given) {
  const { channels, levels } = model.config;
  const logits = new Float32Array(image.length * levels);
  model.reset(given, height);
  for (let row = 0, place = 0; row < height; row++) {
    model.startRow();
    for (let column = 0; column < width; column++) {
      for (let colour = 0; colour < channels; colour++, place++) {
        logits.set(model.logits(column, colour), place * levels);
        model.put(image[place], column, colour);
      }
    }
  }
  return logits;
}

const found = JSON.parse(readFileSync(process.argv[2], "utf8")).map((job) => {
  const { weights, height, width, images, conditions, logits, pictures } = job;
  const model = modelFrom(weights, width);
  const all = images.map((image, i) => teacherForced(model, height, width, image, conditions[i]));
  writeFileSync(logits, Buffer.concat(all.map((part) => Buffer.from(part.buffer))));
  return pictures.map((state) => {
    const { values, label } = drawPicture(model, height, width, state);
    const uniform = [...values.keys()].map((place) => noise(state.seed, state.image, place));
    return { values: [...values], label, uniform };
  });
});
console.log(JSON.stringify(found));
