// What a reader chooses about a masked kernel: buttons, the table of colours, the slider of weights.

import { element } from "../shared/page.js";
import { COLOURS, describeWeight, isOpen, offsetsOf } from "./masks.js";

/** Buttons of which one is pressed: a trait and the values it may have, by the names to show. */
export function choicesOf(title, trait, values, choose) {
  const buttons = Object.entries(values).map(([name, value]) => {
    const made = element("button.pixeledu-choice", { type: "button" }, name);
    made.addEventListener("click", () => choose(trait, value));
    made.setAttribute("aria-label", `${title}: ${name}`);
    return { made, value };
  });
  const all = element("div.pixeledu-choices", {}, ...buttons.map(({ made }) => made));
  const name = element("span", { "aria-hidden": "true" }, title);
  const node = element("div.pixeledu-setting", {}, name, all);
  const show = (kernel) => {
    for (const { made, value } of buttons) {
      made.setAttribute("aria-pressed", kernel[trait] === value);
    }
  };
  return { node, show };
}

/** The centre of the mask for all colours: which colour read for which; pressing one chooses it. */
export function coloursOf(choose) {
  const buttons = [];
  const cell = (computes, reads) => {
    const made = element("button.pixeledu-choice", { type: "button" });
    made.addEventListener("click", () => {
      choose("reads", reads);
      choose("computes", computes);
    });
    buttons.push({ made, computes, reads });
    return element("td", {}, made);
  };
  const head = (scope, ...parts) => element("th", { scope }, ...parts);
  const rows = COLOURS.map((computes) =>
    element("tr", {}, head("row", computes), ...COLOURS.map((reads) => cell(computes, reads))),
  );
  const names = ["computes", ...COLOURS.map((colour) => `reads ${colour}`)];
  const first = element("tr", {}, ...names.map((name) => head("col", name)));
  const node = element(
    "table.pixeledu-centre",
    {},
    element("caption", {}, "The weight at the centre"),
    element("thead", {}, first),
    element("tbody", {}, ...rows),
  );
  const show = (kernel) => {
    node.hidden = kernel.channels === 1;
    for (const { made, computes, reads } of buttons) {
      const open = isOpen({ ...kernel, computes, reads }, 0, 0);
      made.textContent = open ? "open" : "closed";
      made.setAttribute("aria-label", `${computes} computed, ${reads} read: ${made.textContent}`);
      made.setAttribute("aria-pressed", kernel.reads === reads && kernel.computes === computes);
    }
  };
  return { node, show };
}

/** The slider that leads through the weights; its arrow keys go to the four neighbours. */
export function weightsOf(choose) {
  const range = { type: "range", min: 0, step: 1, "aria-label": "Weight" };
  const node = element("input.pixeledu-weights", range);
  let offsets = [[0, 0]];
  node.addEventListener("input", () => choose(offsets[Number(node.value)]));
  node.addEventListener("keydown", (event) => {
    const size = Math.sqrt(offsets.length);
    const by = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -size, ArrowDown: size }[event.key];
    if (!by) return;
    event.preventDefault();
    event.stopPropagation(); // elsewhere in the figure the arrows move the kernel
    const next = offsets[Number(node.value) + by];
    if (next) choose(next);
  });
  const show = (kernel, position, offset) => {
    offsets = offsetsOf(kernel);
    node.max = offsets.length - 1;
    node.value = offsets.findIndex(([down, right]) => down === offset[0] && right === offset[1]);
    node.setAttribute("aria-valuetext", describeWeight(kernel, position, offset));
  };
  return { node, show };
}
