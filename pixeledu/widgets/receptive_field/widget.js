// Shows what a pixel sees through one model and through another one, side by side.

import { element, listen, politely, shownIn } from "../shared/page.js";
import { meaningOf, pixelByPixel, pixelMap } from "../shared/pixel_map.js";
import { transportOf } from "../shared/transport.js";
import { describeField, kindOf, unpackFields } from "./fields.js";
import constants from "./constants.json" with { type: "json" };

/** One model: the choice of it, its map, and the counts. `side` is "left" or "right". */
function sideOf(model, fields, side, pick) {
  const { height, width, names } = fields;
  const label = names.length > 1 ? `Model on the ${side}` : "Model";
  const choice = element(
    "select",
    {
      "aria-label": label,
      onchange: () => {
        model.set(side, choice.value);
        model.save_changes();
      },
    },
    ...names.map((name) => element("option", { value: name }, name)),
  );
  const { map_width, map_height } = constants.sizes;
  const box = { width: map_width, height: map_height }; // px, at most
  const map = pixelMap({ height, width, box, pick });
  const counts = element("p.pixeledu-tally");
  const node = element("div.pixeledu-side", {}, choice, map.node, counts);
  const show = (position) => {
    const name = names.includes(model.get(side)) ? model.get(side) : names[0];
    choice.value = name;
    const kinds = Array.from({ length: fields.pixels }, (_, i) => kindOf(fields, name, position, i));
    map.fill((i) => kinds[i].state, (i) => kinds[i].shade);
    map.frame(Math.floor(position / width), position % width);
    counts.textContent = describeField(fields, name, position);
    map.say(`${name}: ${counts.textContent}`);
  };
  return { node, show };
}

function keyOf() {
  const meanings = [
    meaningOf("seen", "arrives strongly"),
    meaningOf("seen", "arrives weakly", 0.3),
    meaningOf("unseen", "not at this depth"),
    meaningOf("blind", "at no depth: the blind spot"),
    meaningOf("later", "comes later"),
  ];
  return element("p.pixeledu-legend.pixeledu-quiet", {}, ...meanings);
}

function draw(model, el) {
  const fields = unpackFields(model.get("data"));
  const { height, width } = fields;
  const grid = pixelByPixel(height, width);
  const transport = transportOf(model, {
    ...grid,
    trait: "position",
    words: { step: "pixel", slider: "The pixel that looks", unit: "pixel" },
    speeds: constants.speeds,
    usualSpeed: 4,
    draw: (position, still) => {
      readout.setAttribute("aria-live", still ? "polite" : "off");
      readout.textContent = `From pixel (${grid.describe(position)})`;
      for (const side of sides) side.show(position);
    },
  });
  const readout = element("p.pixeledu-looks", { "aria-atomic": "true" });
  const shown = fields.names.length > 1 ? ["left", "right"] : ["left"];
  const pick = (row, column) => transport.jump(row * width + column);
  const sides = shown.map((side) => sideOf(model, fields, side, pick));
  const root = element(
    "div.pixeledu.pixeledu-receptive",
    { role: "group", "aria-label": `What a pixel sees: ${fields.names.join(", ")}` },
    element("div.pixeledu-two", {}, ...sides.map((side) => side.node)),
    element("div.pixeledu-below", {}, readout, keyOf()),
    element("div.pixeledu-controls", {}, transport.buttons, transport.scrub),
  );
  const stop = transport.start(root);
  const stopToo = listen(model, { "change:left": transport.show, "change:right": transport.show });
  return shownIn(el, root, stop, stopToo);
}

const render = politely(draw);

export default { render };
