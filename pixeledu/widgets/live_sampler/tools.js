// What a pointer or the Space key does in the picture of the live sampler, and with which pen.

import { element } from "../shared/page.js";
import { buttonOf, foldOf, inputOf } from "./settings.js";
import constants from "./constants.json" with { type: "json" };

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

const titleOf = (tool) => tool[0].toUpperCase() + tool.slice(1);

/**
 * The tools (`row`) and what they paint with (`more`). `choose(tool)` is called when one is chosen. Where sixteen pictures
 * are shown a press chooses one of them: that is looking, whatever was chosen before.
 */
export function toolboxOf(model, scene, strokes, choose) {
  let ink = null;
  const chosen = () => (constants.tools.includes(model.get("tool")) ? model.get("tool") : "look");
  const tool = () => (scene.many() ? "look" : chosen());
  const tools = constants.tools.map((name) => buttonOf(titleOf(name), () => choose(name)));
  const undo = buttonOf("Undo", strokes.undo);
  const sizes = [1, 2, 3].map((n) => element("option", { value: n }, `${n} px`));
  const pen = element("select", { "aria-label": "Width of the pen" }, ...sizes);
  const place = element("div.pixeledu-ink");
  const row = element(
    "div.pixeledu-choices.pixeledu-row",
    { role: "group", "aria-label": "Tool" },
    ...tools,
    undo,
    buttonOf("Reset", strokes.reset),
  );
  const more = foldOf(
    "Pen, and halves of the picture",
    element("div.pixeledu-ink", {}, place, pen),
    element(
      "div.pixeledu-choices",
      {},
      buttonOf("Blank upper half", strokes.blankUpper),
      buttonOf("Erase lower half", strokes.eraseLower),
      buttonOf("Give nothing", strokes.giveNothing),
    ),
  );
  /** Fit the ink and the pen to a model's pictures. */
  const suit = (shape) => {
    ink = inkOf(shape);
    place.replaceChildren(ink.node);
    pen.value = Math.min(shape.height, shape.width) > 12 ? 2 : 1;
  };
  const show = () => {
    tools.forEach((button, i) => {
      button.setAttribute("aria-pressed", String(constants.tools[i] === tool()));
    });
    undo.setAttribute("aria-disabled", String(!strokes.changes()));
  };
  const inkOrNone = () => (tool() === "erase" ? null : ink.value());
  return { row, more, suit, show, tool, pen: () => Number(pen.value), ink: inkOrNone };
}
