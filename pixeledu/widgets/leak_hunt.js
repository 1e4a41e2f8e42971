// A game: change a pixel, see which outputs change, and name the bug of the model.

import { element, listen, politely, shownIn } from "./util.js";
import { answersOf, countChanges, evidenceAgainst, scoreOf, stateOf, unpackHunt } from "./_hunt.js";
import { meaningOf, pixelByPixel, pixelMap } from "./_pixels.js";
import { transportOf } from "./_transport.js";

const SPEEDS = [1, 4, 16]; // pixels a second
const MAP = { width: 308, height: 240 }; // px, the map at most; leak_hunt.py says the same

/** Buttons in a row or a column: `names` on them, `press(i)` when one is pressed. */
function buttonsOf(kind, names, press) {
  const buttons = names.map((name, i) => {
    return element("button.pixeledu-choice", { type: "button", onclick: () => press(i) }, name);
  });
  return { buttons, node: element(`div.${kind}`, {}, ...buttons) };
}

function draw(model, el) {
  const game = unpackHunt(model.get("data"));
  const { height, width, pixels, suspects, hunted } = game;
  const last = hunted.length - 1;
  const shown = () => Math.min(Math.max(Math.trunc(model.get("shown")) || 0, 0), last);
  const answers = () => answersOf(game, model.get("answers"));
  const grid = pixelByPixel(height, width);
  const place = (pixel) => `(${grid.describe(pixel)})`;
  let said = null; // what the last answer was answered with: { on, text, output }

  const choose = (i) => {
    said = null;
    model.set("shown", i);
    transport.go(Math.floor(pixels / 2));
  };
  const answer = (i) => {
    const [at, all] = [shown(), answers()];
    const [guess, suspect] = [suspects[i], hunted[at]];
    if (!all[at].includes(suspect.name)) {
      all[at] = [...new Set([...all[at], guess.name])];
    }
    if (all[at].includes(suspect.name)) {
      const begin = guess === suspect ? "Yes" : "This one was";
      said = { on: at, text: `${begin}: ${suspect.title}. ${suspect.explains}` };
    } else {
      const { pixel, output, changes } = evidenceAgainst(game, suspect, guess);
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
    speeds: SPEEDS,
    usualSpeed: 4,
    draw: (position, still) => {
      readout.setAttribute("aria-live", still ? "polite" : "off");
      const suspect = hunted[shown()];
      map.fill((output) => stateOf(suspect, position, output));
      map.frame(Math.floor(position / width), position % width);
      const ringed = said?.pixel === position ? said.output : -1;
      map.ring(ringed < 0 ? -1 : Math.floor(ringed / width), ringed % width);
      const { leak, changed } = countChanges(game, suspect, position);
      const counts = `Changes at or before it: ${leak}, after it: ${changed}`;
      lines[0].textContent = `Pixel ${place(position)} is changed`;
      lines[1].textContent = counts;
      map.say(`Model ${shown() + 1}. ${lines[0].textContent}. ${counts}`);
    },
  });
  const lines = [element("strong"), element("span")];
  const readout = element("p.pixeledu-readout", { "aria-atomic": "true" }, ...lines);
  const pick = (row, column) => transport.jump(row * width + column);
  const map = pixelMap({ height, width, box: MAP, pick });
  const numbers = hunted.map((_, i) => String(i + 1));
  const models = buttonsOf("pixeledu-models", numbers, choose);
  const names = buttonsOf("pixeledu-names", suspects.map((suspect) => suspect.title), answer);
  const feedback = element("p.pixeledu-feedback", { role: "status" });
  const score = element("span");
  const command = (text, onclick) =>
    element("button.pixeledu-choice", { type: "button", onclick }, text);
  const legend = element(
    "p.pixeledu-legend.pixeledu-quiet",
    {},
    meaningOf("changed", "changes, comes after"),
    meaningOf("same", "stays, comes after"),
    meaningOf("leak", "changes: a leak"),
    meaningOf("before", "stays, comes before"),
  );

  const show = () => {
    const [at, all] = [shown(), answers()];
    const solved = (i) => all[i].includes(hunted[i].name);
    models.buttons.forEach((button, i) => {
      button.textContent = solved(i) ? `${i + 1} ✓` : String(i + 1);
      button.setAttribute("aria-label", `Model ${i + 1}${solved(i) ? ", named" : ""}`);
      button.setAttribute("aria-pressed", i === at);
    });
    names.buttons.forEach((button, i) => {
      const tried = all[at].includes(suspects[i].name);
      const right = tried && suspects[i] === hunted[at];
      button.dataset.verdict = right ? "right" : tried ? "wrong" : "";
      const mark = right ? " ✓" : tried ? " ✗" : "";
      button.textContent = `${i + 1}. ${suspects[i].title}${mark}`;
      const verdict = right ? ", right" : tried ? ", not this one" : "";
      button.setAttribute("aria-label", `${i + 1}. ${suspects[i].title}${verdict}`);
    });
    const { named, first } = scoreOf(game, all);
    const count = named === hunted.length ? `All ${named}` : `${named} of ${hunted.length}`;
    score.textContent = `${count} named, ${first} at the first try`;
    const found = hunted[at];
    const text = said?.on === at ? said.text : solved(at) ? `${found.title}. ${found.explains}` : "";
    const keys = `Keys 1 to ${suspects.length} choose, N goes on.`;
    const hint = `Change pixels, look what changes, and choose a name. ${keys}`;
    if (feedback.textContent !== (text || hint)) feedback.textContent = text || hint;
    transport.show();
  };
  const press = (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey || event.target.closest("select")) return;
    const number = Number(event.key);
    const named = /^[1-9]$/.test(event.key) && number <= suspects.length;
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
        models.node,
        map.node,
        readout,
        legend,
      ),
      element(
        "div.pixeledu-verdict",
        {},
        element("div.pixeledu-title", { "aria-hidden": "true" }, "Which bug has it?"),
        names.node,
        feedback,
        element(
          "div.pixeledu-score",
          {},
          score,
          command("Next model", next),
          command("Begin again", again),
        ),
      ),
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
