// A game: change a pixel, see which outputs change, and name the bug of the model.

import { element, listen, politely, shownIn } from "../shared/page.js";
import { meaningOf, pixelByPixel, pixelMap } from "../shared/pixel_map.js";
import { transportOf } from "../shared/transport.js";
import { answersPanel } from "./answers.js";
import { countChanges, evidenceAgainst, givenAnswers, stateOf, unpackGame } from "./game.js";
import constants from "./constants.json" with { type: "json" };


function draw(model, el) {
  const game = unpackGame(model.get("data"));
  const { height, width, pixels, models, hunted } = game;
  const last = hunted.length - 1;
  const shown = () => Math.min(Math.max(Math.trunc(model.get("shown")) || 0, 0), last);
  const answers = () => givenAnswers(game, model.get("answers"));
  const grid = pixelByPixel(height, width);
  const { map_width, map_height } = constants.sizes;
  const box = { width: map_width, height: map_height }; // px, the map at most
  const place = (pixel) => `(${grid.describe(pixel)})`;
  let said = null; // what the last answer was answered with: { on, text, output }

  const choose = (i) => {
    said = null;
    model.set("shown", i);
    transport.go(Math.floor(pixels / 2));
  };
  const answer = (i) => {
    const [at, all] = [shown(), answers()];
    const [guess, bug] = [models[i], hunted[at]];
    if (!all[at].includes(bug.name)) {
      all[at] = [...new Set([...all[at], guess.name])];
    }
    if (all[at].includes(bug.name)) {
      const begin = guess === bug ? "Yes" : "This one was";
      said = { on: at, text: `${begin}: ${bug.title}. ${bug.explains}` };
    } else {
      const { pixel, output, changes } = evidenceAgainst(game, bug, guess);
      const text =
        `Not this one. With “${guess.title}”, changing pixel ${place(pixel)} would ` +
        `${changes ? "leave" : "change"} output ${place(output)}${changes ? " as it is" : ""}. ` +
        `Here it ${changes ? "changes" : "does not change"}: look at the dashed frame.`;
      said = { on: at, text, output, pixel };
      model.set("position", pixel);
      model.set("playing", false);
    }
    model.set("answers", all);
    model.save_changes();
    show();
  };
  const again = () => {
    said = null;
    model.set("answers", hunted.map(() => []));
    choose(0);
  };
  const next = () => {
    const all = answers();
    const open = hunted.findIndex((_, i) => {
      const at = (shown() + 1 + i) % hunted.length;
      return !all[at].includes(hunted[at].name);
    });
    choose(open < 0 ? (shown() + 1) % hunted.length : (shown() + 1 + open) % hunted.length);
  };

  const transport = transportOf(model, {
    ...grid,
    trait: "position",
    words: { step: "pixel", slider: "The pixel that is changed", unit: "pixel" },
    speeds: constants.speeds,
    usualSpeed: 4,
    draw: (position, still) => {
      readout.setAttribute("aria-live", still ? "polite" : "off");
      const bug = hunted[shown()];
      map.fill((output) => stateOf(bug, position, output));
      map.frame(Math.floor(position / width), position % width);
      const ringed = said?.pixel === position ? said.output : -1;
      map.ring(ringed < 0 ? -1 : Math.floor(ringed / width), ringed % width);
      const { leak, changed } = countChanges(game, bug, position);
      const counts = `Changes at or before it: ${leak}, after it: ${changed}`;
      lines[0].textContent = `Pixel ${place(position)} is changed`;
      lines[1].textContent = counts;
      map.say(`Model ${shown() + 1}. ${lines[0].textContent}. ${counts}`);
    },
  });
  const lines = [element("strong"), element("span")];
  const readout = element("p.pixeledu-readout", { "aria-atomic": "true" }, ...lines);
  const pick = (row, column) => transport.jump(row * width + column);
  const map = pixelMap({ height, width, box, pick });
  const panel = answersPanel(game, { choose, answer, next, again });
  const legend = element(
    "p.pixeledu-legend.pixeledu-quiet",
    {},
    meaningOf("changed", "changes, comes after"),
    meaningOf("same", "stays, comes after"),
    meaningOf("leak", "changes: a leak"),
    meaningOf("before", "stays, comes before"),
  );

  const show = () => {
    panel.show(shown(), answers(), said?.on === shown() ? said.text : "");
    transport.show();
  };
  const press = (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey || event.target.closest("select")) return;
    const number = Number(event.key);
    const named = /^[1-9]$/.test(event.key) && number <= models.length;
    if (!named && event.key.toLowerCase() !== "n") return;
    event.preventDefault();
    event.stopPropagation();
    if (named) answer(number - 1);
    else next();
  };

  const root = element(
    "div.pixeledu.pixeledu-hunt",
    { role: "group", "aria-label": "Leak hunt: name the bug of each model", onkeydown: press },
    element(
      "div.pixeledu-two",
      {},
      element(
        "div.pixeledu-scene",
        {},
        element("div.pixeledu-title", { "aria-hidden": "true" }, "Model"),
        panel.models,
        map.node,
        readout,
        legend,
      ),
      panel.node,
    ),
    element("div.pixeledu-controls", {}, transport.buttons, transport.scrub),
  );
  const stop = transport.start(root);
  const stopToo = listen(model, { "change:shown": show, "change:answers": show });
  show();
  return shownIn(el, root, stop, stopToo);
}

const render = politely(draw);

export default { render };
