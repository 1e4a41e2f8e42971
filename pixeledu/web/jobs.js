// A job asks for a picture: { id, weights, height, width, channels, levels, seed, image, temperature,
// given, label, guide }. `id` is a number for the weights, which are built once for each width. Or it is a
// lesson for a model that learns; see `learning/lessons.js`.

import { carryOutLesson } from "./learning/lessons.js";
import { building } from "./models.js";
import { drawing } from "./sampling.js";

/**
 * Carry a job out: { values, probabilities, label, milliseconds } as `drawing` has them, with the time that
 * drawing alone took. `models` is a Map that keeps what is built.
 */
export function* carryOut(job, models) {
  if (job.lesson) return yield* carryOutLesson(job.lesson, models);
  const { id, weights, height, width, channels, levels } = job;
  const key = `${id} ${width}`;
  if (!models.has(key)) models.set(key, yield* building(weights, width));
  const model = models.get(key);
  if (model.config.channels !== channels || model.config.levels !== levels) {
    throw new Error(`weights are not of a model of ${channels} colours and ${levels} levels`);
  }
  const work = drawing(model, height, width, job);
  let milliseconds = 0;
  for (;;) {
    const before = performance.now();
    const { done, value } = work.next();
    milliseconds += performance.now() - before;
    if (done) return { ...value, milliseconds };
    yield value;
  }
}
