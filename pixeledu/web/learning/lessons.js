// What a page asks of one that learns, as jobs (see `jobs.js`). A job is { lesson }, one of
//
// { begin: { config, seed, train, heldOut, pixel, pictures } }    answered with a report
// { rate, report }    one step; answered with a report if `report`, else with { steps, loss }
// { report: true }    a report of what is learned
//
// A report is { steps, loss, nats, hidden, field, pictures, weights }: what a held-out image costs, the
// same with the pixel itself hidden (null where it is hidden anyway), what the logits at `pixel` see,
// pictures of the seed and the model's file that they are drawn from, all of the averaged weights.

import { building } from "../models.js";
import { drawing } from "../sampling.js";
import { learnerOf } from "./learner.js";
import { packed } from "./packing.js";

/** Carry a lesson out. `kept` is a Map that keeps the one that learns from job to job. */
export function* carryOutLesson(lesson, kept) {
  if (lesson.begin) {
    const { config, seed, train, heldOut } = lesson.begin;
    kept.set("learner", { ...lesson.begin, learner: learnerOf(config, seed, { train, heldOut }) });
    return yield* reportOf(kept.get("learner"), null);
  }
  const { learner } = kept.get("learner");
  const loss = lesson.rate ? yield* learner.step(lesson.rate) : null;
  if (!lesson.report) return { steps: learner.steps, loss };
  return yield* reportOf(kept.get("learner"), loss);
}

function* reportOf({ learner, config, seed, pixel, pictures }, loss) {
  const { height, width, firstMask } = config;
  const { steps } = learner;
  const nats = yield* learner.heldOutNats();
  const hidden = firstMask === "B" ? yield* learner.hiddenNats() : null;
  const field = yield* learner.field(pixel);
  const info = { size: [height, width], steps, seed, first_mask: firstMask };
  const weights = packed(learner.network, learner.average, info);
  yield 0;
  const model = yield* building(weights, width);
  const drawn = [];
  for (let image = 0; image < pictures; image++) {
    const { values } = yield* drawing(model, height, width, { seed, image, temperature: 1, given: null });
    drawn.push(values);
  }
  return { steps, loss, nats, hidden, field, pictures: drawn, weights };
}
