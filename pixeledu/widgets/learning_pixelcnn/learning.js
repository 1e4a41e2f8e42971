// What the figure knows of the one that learns: it asks for lessons, one after the other, and keeps what
// came of them. The work is done elsewhere; see web/learning/lessons.js.

import { drawerWith } from "../../web/background.js";
import constants from "./constants.json" with { type: "json" };

const PIXEL = 44; // whose field is shown: row 5, column 4
export const RUN = 1000; // steps after which it pauses by itself
const EVERY = 20; // steps from one report to the next
const SELDOM = 100; // the same where a person wants little to move

/** The digits: beside the state in a notebook, in a script of the site on a page. */
function digitsOf(model) {
  const images = [model.get("images"), globalThis.pixeleduImages?.digits].find((one) => one?.train);
  if (!images) throw new Error("the digits are missing");
  const read = (letters) => Uint8Array.from(letters, (letter) => parseInt(letter, 36));
  return { train: read(images.train), heldOut: read(images.held_out) };
}

/** A choice that a trait may have; else the first. */
const allowed = (values, value) => (values.includes(value) ? value : values[0]);

/** What is to learn, and how. */
export function settingsIn(model) {
  const seed = model.get("seed");
  return {
    hidden: allowed(constants.hidden, model.get("hidden")),
    layers: allowed(constants.layers, model.get("layers")),
    firstMask: allowed(constants.first_masks, model.get("first_mask")),
    rate: allowed(constants.learning_rates, model.get("learning_rate")),
    seed: Number.isInteger(seed) && seed >= 0 && seed < 2 ** 32 ? seed : 0,
  };
}

/**
 * The one that learns, of a widget's `model`; calls `changed(news)` with "step", "report" or "problem".
 *
 * state        { steps, loss, report, history, problem }: history has { steps, nats, loss } of each
 *              report, loss averaged over the batches since the one before
 * begin()      from the first weights of the present settings; what went before is forgotten
 * goOn()       asks for a step if one is `wanted()`; else for a report, if there was a step since the last
 * stepOnce()   asks for one step and a report
 */
export function learningOf(model, { changed, wanted, calm, request = null }) {
  const digits = digitsOf(model);
  const drawer = request ? null : drawerWith(globalThis.pixeleduEngine);
  const ask = request ?? drawer.request;
  const nothing = { steps: 0, loss: null, report: null, history: [], problem: null };
  let state = { ...nothing };
  let round = 0; // counts beginnings: an answer of an earlier one is not for this one
  let asked = false;
  let losses = [];

  const send = (lesson) => {
    const mine = round;
    asked = true;
    ask({ lesson }, () => mine === round, (answer) => {
      if (mine !== round) return;
      asked = false;
      if (answer.problem) {
        state = { ...state, problem: answer.problem };
        return changed("problem");
      }
      const { steps, loss } = answer;
      if (loss !== null) losses.push(loss);
      state = { ...state, steps, loss: loss ?? state.loss };
      if (!answer.pictures) return changed("step");
      const mean = losses.length ? losses.reduce((sum, one) => sum + one, 0) / losses.length : null;
      losses = [];
      const history = [...state.history, { steps, nats: answer.nats, loss: mean }];
      state = { ...state, report: answer, history };
      changed("report");
    });
  };

  const begin = () => {
    round += 1;
    losses = [];
    state = { ...nothing };
    const { hidden, layers, firstMask, seed } = settingsIn(model);
    const { side, levels, pictures } = constants;
    const config = { height: side, width: side, levels, hidden, layers, firstMask };
    send({ begin: { config, seed, ...digits, pixel: PIXEL, pictures } });
  };
  const step = (report) => send({ rate: settingsIn(model).rate, report });
  const goOn = () => {
    if (asked || state.problem || !state.report) return;
    if (!wanted()) {
      if (state.steps > state.report.steps) send({ report: true });
      return;
    }
    const next = state.steps + 1;
    step(next % (calm() ? SELDOM : EVERY) === 0 || next % RUN === 0);
  };
  const stepOnce = () => {
    if (!asked && state.report && !state.problem) step(true);
  };
  return {
    ...{ begin, goOn, stepOnce, pixel: PIXEL },
    get state() {
      return state;
    },
  };
}
