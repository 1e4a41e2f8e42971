// Shows which pixels a model computes at the same moment, step by step, beside the number of steps.

import { element, listen, politely, shownIn } from "../shared/page.js";
import { transportOf } from "../shared/transport.js";
import { mapsOf } from "./maps.js";
import { countOf, describeStep, formulaOf, MODELS } from "./schedule.js";
import { PHASES, reasonOf, REASONS, scheduleOf } from "./schedule.js";
import constants from "./constants.json" with { type: "json" };

/** The number of steps of each model in each phase: pressing one chooses it. */
function tableOf(choose) {
  const buttons = [];
  const cell = (model, phase) => {
    const made = element("button", { type: "button", onclick: () => choose(model, phase) });
    buttons.push({ made, model, phase });
    return element("td", {}, made);
  };
  const head = (scope, text, ...more) => element("th", { scope }, text, ...more);
  const caption = element("caption");
  const quiet = (text) => element("span.pixeledu-quiet", {}, text);
  const node = element(
    "table.pixeledu-counts",
    {},
    caption,
    element(
      "thead",
      {},
      element(
        "tr",
        {},
        head("col", "Model"),
        head("col", "Training ", quiet("per layer")),
        head("col", "Sampling ", quiet("per image")),
      ),
    ),
    element(
      "tbody",
      {},
      ...Object.entries(MODELS).map(([model, name]) =>
        element("tr", {}, head("row", name), ...PHASES.map((phase) => cell(model, phase))),
      ),
    ),
  );
  const show = ({ height, width, model, phase }) => {
    const sizes = height === width ? `n = ${height}` : `H = ${height}, W = ${width}`;
    const noBreak = sizes.replaceAll(" ", "\u00a0");
    caption.textContent = `Sequential steps, ${height}×${width} pixels (${noBreak})`;
    for (const { made, ...its } of buttons) {
      const count = countOf(height, width, its.model, its.phase);
      const formula = formulaOf(height, width, its.model, its.phase);
      const number = element("strong", {}, String(count));
      made.replaceChildren(formula && `${formula} = `, number);
      const steps = `step${count === 1 ? "" : "s"}`;
      const name = `${MODELS[its.model]}, ${its.phase}: ${made.textContent} ${steps}`;
      made.setAttribute("aria-label", name);
      made.setAttribute("aria-pressed", String(its.model === model && its.phase === phase));
    }
  };
  return { node, show };
}

/** The words: the counter and what happens now, and below why. */
function wordsOf() {
  const lines = [element("strong"), element("span"), element("span.pixeledu-quiet")];
  const readout = element("p.pixeledu-readout", { "aria-atomic": "true" }, ...lines);
  // All reasons lie on top of each other and one is visible: the figure keeps its height.
  const reasons = Object.entries(REASONS).map(([about, text]) => {
    return element("p", { "data-about": about }, text);
  });
  const node = element("div.pixeledu-reasons", {}, ...reasons);
  const show = (schedule, step, still) => {
    readout.setAttribute("aria-live", still ? "polite" : "off");
    describeStep(schedule, step).forEach((text, i) => (lines[i].textContent = text));
    for (const reason of reasons) {
      const current = reason.dataset.about === reasonOf(schedule);
      reason.style.visibility = current ? "visible" : "hidden";
    }
  };
  return { nodes: [readout, node], show };
}

function draw(model, el) {
  const read = () => {
    const names = ["height", "width", "model", "phase", "skewed"];
    return scheduleOf(Object.fromEntries(names.map((name) => [name, model.get(name)])));
  };
  let schedule = read();
  const stride = () => (schedule.phase === "sampling" ? schedule.width : 1);
  const transport = transportOf(model, {
    trait: "step",
    words: { step: "step", slider: "Step", unit: "step" },
    speeds: constants.speeds,
    usualSpeed: 4,
    stepsInUnit: 1,
    last: () => schedule.steps - 1,
    rowAway: (step, rows) => step + rows * stride(),
    endOfRow: (step) => step - (step % stride()) + stride() - 1,
    rowLength: stride,
    describe: (step) => describeStep(schedule, step).slice(0, 2).join(". "),
    draw: (step, still) => {
      words.show(schedule, step, still);
      maps.show(step);
    },
  });
  const table = tableOf((name, phase) => {
    model.set("model", name);
    model.set("phase", phase);
    transport.go(0);
  });
  const words = wordsOf();
  const maps = mapsOf((on) => {
    model.set("skewed", on);
    model.save_changes();
  }, transport.jump);
  const change = () => {
    schedule = read();
    table.show(schedule);
    maps.set(schedule);
    transport.show();
  };
  const skew = () => {
    schedule = read();
    maps.place(schedule);
    transport.show();
  };
  const root = element(
    "div.pixeledu.pixeledu-wavefront",
    { role: "group", "aria-label": "Which pixels are computed at the same moment" },
    element("div", {}, element("div.pixeledu-facts", {}, table.node, ...words.nodes), maps.node),
    element("div", {}, transport.buttons, transport.scrub),
  );
  change();
  const stop = transport.start(root);
  const stopToo = listen(model, {
    "change:height": change,
    "change:width": change,
    "change:model": change,
    "change:phase": change,
    "change:skewed": skew,
  });
  return shownIn(el, root, stop, stopToo);
}

const render = politely(draw);

export default { render };
