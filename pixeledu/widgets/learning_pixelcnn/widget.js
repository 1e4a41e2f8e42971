// A small PixelCNN that learns in the page: its loss, its drawings and what it sees, step by step.

import { element, listen, politely, shownIn, whenSeen } from "../shared/page.js";
import { pixelMap } from "../shared/pixel_map.js";
import { curveOf } from "./curve.js";
import { drawingsOf } from "./drawings.js";
import { RUN, learningOf, settingsIn } from "./learning.js";
import constants from "./constants.json" with { type: "json" };

const SETTINGS = ["hidden", "layers", "first_mask", "seed"]; // after which it begins again
const FIELD_SAYS =
  "What the prediction at the framed pixel depends on: the stronger the colour, the more. The pixel itself must stay empty.";
const SPOKEN = 200; // steps from one spoken sentence to the next

function draw(model, el) {
  const { side, levels, pictures } = constants;
  const pixels = side * side;
  const calm = matchMedia("(prefers-reduced-motion: reduce)");
  const playing = () => Boolean(model.get("playing"));
  const save = (changes) => {
    for (const [name, value] of Object.entries(changes)) model.set(name, value);
    model.save_changes();
  };
  const learning = learningOf(model, {
    changed: (news) => changed(news),
    wanted: () => playing() && root.isConnected,
    calm: () => calm.matches,
  });

  // ---- what is shown ----

  const drawings = drawingsOf(pictures, side, levels);
  const curve = curveOf(pixels * Math.log(levels));
  const field = pixelMap({ height: side, width: side, box: { width: 160, height: 160 }, pick: () => {} });
  field.say("Nothing is computed yet");
  field.frame(Math.floor(learning.pixel / side), learning.pixel % side);
  const lines = ["strong", "span", "span", "span.pixeledu-quiet"].map((name) => element(name));
  const readout = element("p.pixeledu-readout", {}, ...lines);
  const status = element("span.pixeledu-hidden", { role: "status" });
  const problem = element("p.pixeledu-problem", { role: "alert" });

  const button = (text, onclick, name = "button.pixeledu-choice") => {
    return element(name, { type: "button", onclick }, text);
  };
  const learn = button("Learn", () => save({ playing: !playing() }), "button.pixeledu-choice.pixeledu-learn");
  const buttons = element(
    "div.pixeledu-choices.pixeledu-row",
    {},
    button("One step", () => {
      save({ playing: false });
      learning.stepOnce();
    }),
    button("Start again", () => {
      save({ playing: false });
      begin();
    }),
    button("Save", () => download()),
  );

  const choiceOf = (title, trait, values, nameOf) => {
    const options = values.map((value) => element("option", { value }, nameOf(value)));
    const select = element("select", { onchange: () => save({ [trait]: Number(select.value) }) }, ...options);
    const node = element("label", {}, element("span", {}, title), select);
    return { node, show: (value) => (select.value = value) };
  };
  const rate = choiceOf("Learning rate", "learning_rate", constants.learning_rates, String);
  const width = choiceOf("Width", "hidden", constants.hidden, (hidden) => `h = ${hidden}`);
  const depth = choiceOf("Depth", "layers", constants.layers, (n) => `${n} block${n === 1 ? "" : "s"}`);
  const masks = constants.first_masks.map((mask) => {
    const made = button(mask === "A" ? "Mask A" : "Mask B: broken", () => save({ first_mask: mask }));
    made.setAttribute("aria-label", `First layer: ${made.textContent}`);
    return made;
  });
  const mask = element(
    "div.pixeledu-mask-row",
    {},
    element("span", { "aria-hidden": "true" }, "First layer"),
    element("div.pixeledu-choices", {}, ...masks),
  );

  const said = ({ steps, nats }) => `Step ${steps}: a held-out digit costs ${nats.toFixed(1)} nats`;
  const showStep = () => {
    const { steps, loss, report } = learning.state;
    lines[0].textContent = report ? `Step ${steps} · ${report.nats.toFixed(1)} nats per digit` : "…";
    const bits = report ? (report.nats / pixels / Math.LN2).toFixed(2) : "";
    lines[1].textContent = report ? `held out, ${bits} bits per dimension` : "the first weights are drawn";
    lines[2].textContent = loss === null ? "" : `the last batch: ${loss.toFixed(1)} nats per digit`;
    const hidden = report?.hidden?.toFixed(0);
    lines[3].textContent = hidden
      ? `With each pixel hidden from itself, as when it draws: ${hidden} nats.`
      : "The curve shows held-out digits, the thin line the batches it learns from.";
  };
  const showReport = () => {
    const { report, history } = learning.state;
    curve.show(history);
    drawings.show(report.pictures, report.steps);
    const most = Math.max(...report.field);
    // Shades are square roots: what is weak can be seen as well.
    const shadeOf = (i) => Math.sqrt(report.field[i] / most);
    field.fill((i) => (report.field[i] > 0 ? (i === learning.pixel ? "leak" : "seen") : "plain"), shadeOf);
    const seen = report.field.filter((slope, i) => slope > 0 && i !== learning.pixel).length;
    const itself = report.field[learning.pixel] > 0 ? " and on itself" : "";
    const place = `row ${Math.floor(learning.pixel / side)}, column ${learning.pixel % side}`;
    field.say(`The prediction at ${place} depends on ${seen} pixels${itself}`);
  };
  const showSettings = () => {
    const { hidden, layers, firstMask, rate: its } = settingsIn(model);
    rate.show(its);
    width.show(hidden);
    depth.show(layers);
    masks.forEach((made, i) => made.setAttribute("aria-pressed", constants.first_masks[i] === firstMask));
  };

  // ---- what happens ----

  const tell = () => {
    const { report } = learning.state;
    if (report) save({ learned: { steps: report.steps, nats: report.nats, weights: report.weights } });
  };
  const changed = (news) => {
    const { steps, report, problem: reason } = learning.state;
    root.setAttribute("aria-busy", "false");
    if (news === "problem") {
      problem.replaceChildren(
        element("strong", {}, "It has come apart."),
        ` ${reason}: choose a smaller learning rate, and start again.`,
      );
      return save({ playing: false });
    }
    showStep();
    if (news === "report") {
      showReport();
      const over = playing() && steps && steps % RUN === 0;
      if (over) save({ playing: false });
      if (over) status.textContent = `${said(report)}. It pauses; Learn goes on.`;
      else if (!playing() || steps % SPOKEN === 0) status.textContent = said(report);
      if (!playing()) tell();
    }
    learning.goOn();
  };
  let seen = false;
  const begin = () => {
    problem.replaceChildren();
    root.setAttribute("aria-busy", "true");
    if (seen) learning.begin();
    curve.show([]);
    showStep();
  };
  const toggled = () => {
    learn.textContent = playing() ? "Pause" : "Learn";
    learn.setAttribute("aria-label", playing() ? "Pause" : "Learn");
    learning.goOn();
  };
  // Several traits may change at once: it begins once.
  let due = false;
  const beginSoon = () => {
    showSettings();
    if (due) return;
    due = true;
    queueMicrotask(() => {
      due = false;
      if (root.isConnected) begin();
    });
  };
  /** Save the file of the model as the last report has it. */
  const download = () => {
    const { report } = learning.state;
    if (!report) return;
    const content = Uint8Array.from(atob(report.weights), (letter) => letter.charCodeAt(0));
    const href = URL.createObjectURL(new Blob([content], { type: "application/octet-stream" }));
    element("a", { href, download: `pixelcnn-digits-${report.steps}-steps.pxe` }).click();
    setTimeout(() => URL.revokeObjectURL(href), 1000);
    status.textContent = `The model after ${report.steps} steps is saved.`;
  };

  const part = (name, ...nodes) => element(`div.pixeledu-part.pixeledu-part-${name}`, {}, ...nodes);
  const root = element(
    "div.pixeledu.pixeledu-learning",
    { role: "group", "aria-label": model.get("description") || "A PixelCNN learns", "aria-busy": "true" },
    element(
      "div.pixeledu-two",
      {},
      part("drawings", drawings.node, learn, buttons),
      part("curve", readout, problem, curve.node, status),
      part(
        "field",
        element("p.pixeledu-quiet", {}, FIELD_SAYS),
        field.node,
      ),
      part("settings", mask, rate.node, width.node, depth.node),
    ),
  );
  root.setAttribute("data-lm-suppress-shortcuts", "true"); // JupyterLab: the keys are ours here
  showSettings();
  begin();
  toggled();
  const changes = SETTINGS.map((name) => [`change:${name}`, beginSoon]);
  const stop = listen(model, {
    ...Object.fromEntries(changes),
    "change:learning_rate": showSettings,
    "change:playing": toggled,
  });
  const stopWaiting = whenSeen(root, () => {
    seen = true;
    begin();
  });
  return shownIn(el, root, stop, stopWaiting);
}

const render = politely(draw);

export default { render };
