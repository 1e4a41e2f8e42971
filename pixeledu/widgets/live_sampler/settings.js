// The settings of the live sampler: which model draws, and with what chances.

import { element } from "../shared/page.js";
import { EACH, listedModels, SEEDS } from "./scene.js";
import constants from "./constants.json" with { type: "json" };

/** A slider or a field whose keys are its own: elsewhere in the figure they lead through the steps. */
export function inputOf(attributes, change) {
  const input = element("input", attributes);
  input.addEventListener(attributes.type === "number" ? "change" : "input", () => {
    if (input.value !== "" && Number.isFinite(Number(input.value))) change(Number(input.value));
  });
  input.addEventListener("keydown", (event) => event.stopPropagation());
  return input;
}

export function buttonOf(text, onclick) {
  return element("button.pixeledu-choice", { type: "button", onclick }, text);
}

/** A part of the figure that a narrow page shows folded. */
export function foldOf(title, ...nodes) {
  const open = !matchMedia("(max-width: 600px)").matches;
  const head = element("summary", {}, title);
  head.addEventListener("keydown", (event) => event.key === " " && event.stopPropagation());
  return element("details.pixeledu-fold", { open }, head, ...nodes);
}

/**
 * Which class is drawn, and a button for one of each, which calls `oneOfEach()`. For models without
 * classes both stay where they are and do nothing, so that no other control moves.
 */
function classesOf({ save, classes, label, many }, oneOfEach) {
  const choose = () => {
    const asked = choice.value === "" ? null : Number(choice.value);
    save({ label: choice.value === EACH ? EACH : asked });
  };
  const choice = element("select", { "aria-label": "Class", onchange: choose });
  const button = buttonOf("One of each class", oneOfEach);
  const labelled = element("label", {}, element("span", {}, "Class"), choice);
  const node = element("div.pixeledu-ink.pixeledu-classes", {}, labelled, button);
  let listed = null;
  const show = () => {
    const names = classes();
    choice.disabled = button.disabled = !names;
    if (JSON.stringify(names) !== listed) {
      listed = JSON.stringify(names);
      const any = names ? "Any class" : "It knows no classes";
      const all = [["", any], ...(names ?? []).entries(), ...(names ? [[EACH, "Each in turn"]] : [])];
      choice.replaceChildren(...all.map(([value, name]) => element("option", { value }, name)));
    }
    choice.value = label() ?? "";
    button.setAttribute("aria-pressed", String(label() === EACH && many()));
  };
  return { node, show };
}

/** Model, class, seed and temperature. */
export function settingsOf(model, scene, oneOfEach) {
  const { save } = scene;
  const listed = listedModels(model.get("models"));
  const classed = listed.some(({ classes }) => classes);
  const chooseModel = () => {
    const names = scene.classes();
    save({ model: choice.value });
    // A class of one set of images means nothing in another.
    if (JSON.stringify(scene.classes()) !== JSON.stringify(names)) save({ label: null });
  };
  const choice = element(
    "select",
    { "aria-label": "Model", onchange: chooseModel },
    ...listed.map(({ name, title }) => element("option", { value: name }, title)),
  );
  const classes = classesOf(scene, oneOfEach);
  const seed = inputOf(
    { type: "number", min: 0, max: SEEDS - 1, step: 1, "aria-label": "Seed" },
    (value) => save({ seed: Math.trunc(Math.min(Math.max(value, 0), SEEDS - 1)) }),
  );
  const [min, max] = constants.temperatures;
  const slider = inputOf(
    { type: "range", min, max, step: 0.05, "aria-label": "Temperature" },
    (value) => save({ temperature: value }),
  );
  const says = element("span");
  const node = foldOf(
    classed ? "Model, class, seed, temperature" : "Model, seed, temperature",
    element(
      "div.pixeledu-settings",
      {},
      choice,
      ...(classed ? [classes.node] : []),
      element("label", {}, element("span", {}, "Seed"), seed),
      element("label", {}, says, slider),
    ),
  );
  const show = () => {
    choice.value = scene.entry().name;
    classes.show();
    seed.value = scene.seed();
    slider.value = scene.temperature();
    says.textContent = `Temperature ${scene.temperature().toFixed(2)}`;
  };
  return { node, show };
}
