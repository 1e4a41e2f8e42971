// The controls of the live sampler: which model draws and how, and what a pointer does in the picture.

import { element } from "../shared/page.js";
import { listedModels, SEEDS, TEMPERATURES } from "./scene.js";

/** A slider or a field whose keys are its own: elsewhere in the figure they lead through the steps. */
function inputOf(attributes, change) {
  const input = element("input", attributes);
  input.addEventListener(attributes.type === "number" ? "change" : "input", () => {
    if (input.value !== "" && Number.isFinite(Number(input.value))) change(Number(input.value));
  });
  input.addEventListener("keydown", (event) => event.stopPropagation());
  return input;
}

function buttonOf(text, onclick) {
  return element("button.pixeledu-choice", { type: "button", onclick }, text);
}

/** Model, seed, temperature, and the buttons that draw anew. */
export function settingsOf(model, scene, again) {
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
  const [min, max] = TEMPERATURES;
  const heat = inputOf(
    { type: "range", min, max, step: 0.05, "aria-label": "Temperature" },
    (value) => save({ temperature: value }),
  );
  const says = element("span");
  const sixteen = buttonOf("Sixteen at once", () => save({ sixteen: !scene.many() }));
  const node = element(
    "div.pixeledu-settings",
    {},
    element("label", {}, element("span", {}, "Model"), choice),
    element("label", {}, element("span", {}, "Seed"), seed),
    element("label", {}, says, heat),
    element("div.pixeledu-choices", {}, buttonOf("New sample", again), sixteen),
  );
  const show = () => {
    choice.value = scene.entry().name;
    seed.value = scene.seed();
    heat.value = scene.temperature();
    says.textContent = `Temperature ${scene.temperature().toFixed(2)}`;
    sixteen.setAttribute("aria-pressed", String(scene.many()));
  };
  return { node, show };
}

/** The ink: a grey level, or a colour for a model of colours. `value()` is a level for each colour. */
function inkOf({ channels, levels }) {
  const says = element("span", {}, "Ink");
  if (channels === 3) {
    const field = inputOf({ type: "color", value: "#ffffff", "aria-label": "Ink" }, () => {});
    const value = () => [1, 3, 5].map((at) => {
      return Math.round(((levels - 1) * parseInt(field.value.slice(at, at + 2), 16)) / 255);
    });
    return { node: element("label", {}, says, field), value };
  }
  const most = levels - 1;
  const range = { type: "range", min: 0, max: most, value: most, step: 1, "aria-label": "Ink" };
  const slider = inputOf(range, () => (says.textContent = `Ink ${slider.value}`));
  says.textContent = `Ink ${most}`;
  const value = () => new Array(channels).fill(Number(slider.value));
  return { node: element("label", {}, says, slider), value };
}

/** What a pointer or the Space key does in the picture. */
export function toolboxOf(scene, change) {
  let tool = "look";
  let ink = null;
  const tools = ["Look", "Draw", "Erase"].map((title) => buttonOf(title, () => choose(title)));
  const choose = (title) => {
    tool = title.toLowerCase();
    for (const button of tools) {
      button.setAttribute("aria-pressed", String(button.textContent === title));
    }
    change(tool);
  };
  const sizes = [1, 2, 3].map((n) => element("option", { value: n }, `${n} px`));
  const pen = element("select", { "aria-label": "Width of the pen" }, ...sizes);
  const place = element("div.pixeledu-ink");
  const node = element(
    "div.pixeledu-toolbox",
    {},
    element("div.pixeledu-choices", { role: "group", "aria-label": "Tool" }, ...tools),
    element("div.pixeledu-ink", {}, place, pen),
    element(
      "div.pixeledu-choices",
      {},
      buttonOf("Blank upper half", scene.blankUpper),
      buttonOf("Erase lower half", scene.eraseLower),
      buttonOf("Give nothing", () => scene.save({ given: [] })),
    ),
  );
  const suit = (shape) => {
    ink = inkOf(shape);
    place.replaceChildren(ink.node);
    pen.value = Math.min(shape.height, shape.width) > 12 ? 2 : 1;
  };
  const start = () => choose("Look");
  const inkOrNone = () => (tool === "erase" ? null : ink.value());
  return { node, start, suit, tool: () => tool, pen: () => Number(pen.value), ink: inkOrNone };
}
