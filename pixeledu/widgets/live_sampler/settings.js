// The settings of the live sampler: which model draws, and with what chances.

import { element } from "../shared/page.js";
import { listedModels, SEEDS } from "./scene.js";
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

/** Model, seed and temperature. */
export function settingsOf(model, scene) {
  const { save } = scene;
  const titles = listedModels(model.get("models"));
  const choice = element(
    "select",
    { "aria-label": "Model", onchange: () => save({ model: choice.value }) },
    ...titles.map(({ name, title }) => element("option", { value: name }, title)),
  );
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
    "Model, seed, temperature",
    element(
      "div.pixeledu-settings",
      {},
      choice,
      element("label", {}, element("span", {}, "Seed"), seed),
      element("label", {}, says, slider),
    ),
  );
  const show = () => {
    choice.value = scene.entry().name;
    seed.value = scene.seed();
    slider.value = scene.temperature();
    says.textContent = `Temperature ${scene.temperature().toFixed(2)}`;
  };
  return { node, show };
}
