// What a pointer or the Space key does in the picture of the live sampler, and with which pen.

import { element } from "../shared/page.js";
import { listedModels } from "./scene.js";
import { buttonOf, foldOf, inputOf } from "./settings.js";
import constants from "./constants.json" with { type: "json" };

let palettes = 0; // on this page

// What there is to paint with.
const SWATCHES = {
  black: "#000000",
  white: "#ffffff",
  grey: "#808080",
  brown: "#8a4b20",
  red: "#e02020",
  orange: "#ff9210",
  yellow: "#ffda20",
  green: "#30a040",
  blue: "#2080f0",
  purple: "#8a40d0",
};

/** The level of each colour that comes closest to a colour such as "#ff8000". */
function levelsOf(colour, levels) {
  return [1, 3, 5].map((at) => Math.round(((levels - 1) * parseInt(colour.slice(at, at + 2), 16)) / 255));
}

/**
 * The ink: a grey level, or a colour for a model of colours, one of a `palette` or any other. `value()`
 * is a level for each colour; `chosen()` is called when a colour of the palette is chosen.
 */
function inkOf({ channels, levels }, chosen) {
  const says = element("span", {}, "Ink");
  if (channels === 3) return colourInkOf(levels, says, chosen);
  const most = levels - 1;
  const range = { type: "range", min: 0, max: most, value: most, step: 1, "aria-label": "Ink" };
  const slider = inputOf(range, () => (says.textContent = `Ink ${slider.value}`));
  says.textContent = `Ink ${most}`;
  const value = () => new Array(channels).fill(Number(slider.value));
  return { node: element("label", {}, says, slider), palette: [], value };
}

function colourInkOf(levels, says, chosen) {
  const group = `pixeledu-palette-${(palettes += 1)}`;
  const palette = Object.entries(SWATCHES).map(([name, colour]) => {
    const shown = levelsOf(colour, levels).map((level) => Math.round((255 * level) / (levels - 1)));
    const what = { type: "radio", name: group, value: colour, "aria-label": name, title: name };
    const swatch = inputOf({ ...what, style: `--swatch:rgb(${shown})` }, () => {});
    swatch.addEventListener("change", () => {
      field.value = colour;
      chosen();
    });
    return swatch;
  });
  const first = SWATCHES.red; // to be seen on black and on white
  const field = inputOf({ type: "color", value: first, "aria-label": "Ink" }, () => {});
  field.addEventListener("input", () => {
    for (const swatch of palette) swatch.checked = swatch.value === field.value;
  });
  palette.find((swatch) => swatch.value === first).checked = true;
  return { node: element("label", {}, says, field), palette, value: () => levelsOf(field.value, levels) };
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
  const palette = element("div.pixeledu-palette", { role: "radiogroup", "aria-label": "Colour to draw with" });
  const coloured = listedModels(model.get("models")).some(({ channels }) => channels === 3);
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
    ...(coloured ? [palette] : []),
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
    ink = inkOf(shape, () => choose("draw"));
    place.replaceChildren(ink.node);
    palette.replaceChildren(...ink.palette);
    palette.style.visibility = ink.palette.length ? "" : "hidden";
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
