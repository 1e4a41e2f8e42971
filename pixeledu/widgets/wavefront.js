// Shows which pixels a model computes at the same moment, step by step, beside the number of steps.

import { element, followPointer, indexAt, listen, politely, shownIn } from "./util.js";
import { MODELS, PHASES, REASONS, columnOf, countOf, describeStep } from "./_schedule.js";
import { formulaOf, progress, reasonOf, scheduleOf, stepAtPlace } from "./_schedule.js";
import { transportOf } from "./_transport.js";

const SPEEDS = [1, 2, 4, 16, 64]; // steps a second
const MAPS = { width: 320, height: 340 }; // px for all of them; wavefront.py says the same
const STATES = ["waiting", "now", "done"];

// ---- the parts of the figure ------------------------------------------------------------------

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

/** One pixel of a map: a square, with a text where there is one. */
function pixelOf(size, text) {
  const inset = size > 12 ? 1.5 : 0.5;
  const [at, side] = [inset, size - 2 * inset];
  const square = element("svg:rect", { x: at, y: at, width: side, height: side });
  const middle = { x: size / 2, y: size / 2, "font-size": Math.min(14, size / 2) };
  return element("svg:g.pixeledu-pixel", {}, square, text && element("svg:text", middle, text));
}

/** The map of one scan. */
function mapOf(schedule, scan, jump) {
  const { height, width, scans, steps } = schedule;
  const columns = scans.length > 1 ? width + height - 1 : width; // room for the skewed map
  const most = MAPS.height / scans.length / height;
  const size = Math.floor(Math.min(MAPS.width / columns, most, 40)); // px, the side of a pixel
  const numbered = size >= 16 && 0.31 * Math.min(28, size) * String(steps).length < size - 3;
  const pixels = scans[scan].map((when) => pixelOf(size, numbered ? String(when + 1) : ""));
  let places = "";
  for (let row = 0; row < height; row++) {
    for (let column = 0; column < columns; column++) {
      places += `M${(column + 0.5) * size} ${(row + 0.5) * size}h0`;
    }
  }
  const dots = element("svg:path.pixeledu-dots", { d: places, "stroke-width": size / 7 });
  const box = { viewBox: `0 0 ${columns * size} ${height * size}`, width: columns * size };
  const node = element("svg:svg.pixeledu-map", { ...box, role: "img" }, dots, ...pixels);
  let view = schedule;
  followPointer(node, (x, y) => {
    jump(stepAtPlace(view, scan, indexAt(y, height), indexAt(x, columns)));
  });

  /** Move the pixels to where they are in the plain or in the skewed view. */
  const place = (changed) => {
    view = changed;
    dots.style.opacity = view.skewed ? 1 : 0;
    pixels.forEach((pixel, i) => {
      const [x, y] = [columnOf(view, scan, i) * size, Math.floor(i / width) * size];
      pixel.style.transform = `translate(${x}px, ${y}px)`;
    });
  };
  const show = (step) => {
    scans[scan].forEach((when, i) => {
      const state = STATES[1 + Math.sign(step - when)];
      if (pixels[i].dataset.state !== state) pixels[i].dataset.state = state;
    });
    const { now, done } = progress(schedule, scan, step);
    const toCome = height * width - done - now;
    const counts = `${done} done, ${now} computed now, ${toCome} not yet`;
    node.setAttribute("aria-label", `Pixels at step ${step + 1} of ${steps}: ${counts}`);
  };
  return { node, numbered, place, show };
}

/** All maps of a model under their names, with the switch between the plain and the skewed view. */
function stageOf(setSkewed, jump) {
  const box = element("input", { type: "checkbox", onchange: () => setSkewed(box.checked) });
  const skewing = element("label.pixeledu-skew", {}, box, "Skew the rows");
  const node = element("div.pixeledu-maps");
  const meanings = ["not yet", "now", "done"].map((name, i) => {
    const swatch = pixelOf(16, "");
    swatch.dataset.state = STATES[i];
    const picture = element("svg:svg", { width: 16, height: 16, "aria-hidden": "true" }, swatch);
    return element("span", {}, picture, name);
  });
  const number = element("span", {}, "Number: the step that computes it.");
  const key = element("p.pixeledu-key.pixeledu-quiet", {}, ...meanings, number);
  let maps = [];
  let names = [];
  const place = (schedule) => {
    for (const map of maps) map.place(schedule);
    box.checked = schedule.skewed;
    const mirrored = schedule.skewed ? ", mirrored first" : "";
    const both = ["Left-to-right scan", `Right-to-left scan${mirrored}`];
    names.forEach((name, i) => (name.textContent = names.length > 1 ? both[i] : "The image"));
  };
  const set = (schedule) => {
    maps = schedule.scans.map((_, scan) => mapOf(schedule, scan, jump));
    names = maps.map(() => element("span"));
    skewing.style.visibility = maps.length > 1 ? "" : "hidden";
    number.style.visibility = maps[0].numbered ? "" : "hidden";
    const heads = names.map((name, i) => element("div", {}, name, i ? "" : skewing));
    node.replaceChildren(...maps.flatMap((map, i) => [heads[i], map.node]), key);
    place(schedule);
  };
  return { node, place, set, show: (step) => maps.forEach((map) => map.show(step)) };
}

// ---- the figure -------------------------------------------------------------------------------

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
    speeds: SPEEDS,
    usualSpeed: 4,
    stepsInUnit: 1,
    last: () => schedule.steps - 1,
    rowAway: (step, rows) => step + rows * stride(),
    endOfRow: (step) => step - (step % stride()) + stride() - 1,
    rowLength: stride,
    describe: (step) => describeStep(schedule, step).slice(0, 2).join(". "),
    draw: (step, still) => {
      words.show(schedule, step, still);
      stage.show(step);
    },
  });
  const table = tableOf((name, phase) => {
    model.set("model", name);
    model.set("phase", phase);
    transport.go(0);
  });
  const words = wordsOf();
  const stage = stageOf((on) => {
    model.set("skewed", on);
    model.save_changes();
  }, transport.jump);
  const change = () => {
    schedule = read();
    table.show(schedule);
    stage.set(schedule);
    transport.show();
  };
  const skew = () => {
    schedule = read();
    stage.place(schedule);
    transport.show();
  };
  const root = element(
    "div.pixeledu.pixeledu-wavefront",
    { role: "group", "aria-label": "Which pixels are computed at the same moment" },
    element("div", {}, element("div.pixeledu-facts", {}, table.node, ...words.nodes), stage.node),
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
