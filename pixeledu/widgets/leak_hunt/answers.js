// The sides of the leak hunt that take answers: which model is looked at, the names of bugs, the score.

import { element } from "../shared/page.js";
import { scoreOf } from "./game.js";

/** Buttons in a row or a column: `names` on them, `press(i)` when one is pressed. */
function buttonsOf(kind, names, press) {
  const buttons = names.map((name, i) => {
    return element("button.pixeledu-choice", { type: "button", onclick: () => press(i) }, name);
  });
  return { buttons, node: element(`div.${kind}`, {}, ...buttons) };
}

/**
 * The models to choose from, and all that stands beside the map. `show(at, all, text)` shows model
 * `at`, the answers given to all of them, and what was said to the last one, if anything was.
 */
export function answersPanel(game, { choose, answer, next, again }) {
  const { models, hunted } = game;
  const numbers = hunted.map((_, i) => String(i + 1));
  const choices = buttonsOf("pixeledu-models", numbers, choose);
  const names = buttonsOf("pixeledu-names", models.map(({ title }) => title), answer);
  const feedback = element("p.pixeledu-feedback", { role: "status" });
  const score = element("span");
  const command = (text, onclick) =>
    element("button.pixeledu-choice", { type: "button", onclick }, text);
  const node = element(
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
  );
  const keys = `Keys 1 to ${models.length} choose, N goes on.`;
  const hint = `Change pixels, look what changes, and choose a name. ${keys}`;

  const show = (at, all, said) => {
    const solved = (i) => all[i].includes(hunted[i].name);
    choices.buttons.forEach((button, i) => {
      button.textContent = solved(i) ? `${i + 1} ✓` : String(i + 1);
      button.setAttribute("aria-label", `Model ${i + 1}${solved(i) ? ", named" : ""}`);
      button.setAttribute("aria-pressed", i === at);
    });
    names.buttons.forEach((button, i) => {
      const tried = all[at].includes(models[i].name);
      const right = tried && models[i] === hunted[at];
      button.dataset.verdict = right ? "right" : tried ? "wrong" : "";
      const mark = right ? " ✓" : tried ? " ✗" : "";
      button.textContent = `${i + 1}. ${models[i].title}${mark}`;
      const verdict = right ? ", right" : tried ? ", not this one" : "";
      button.setAttribute("aria-label", `${i + 1}. ${models[i].title}${verdict}`);
    });
    const { named, first } = scoreOf(game, all);
    const count = named === hunted.length ? `All ${named}` : `${named} of ${hunted.length}`;
    score.textContent = `${count} named, ${first} at the first try`;
    const found = solved(at) ? `${hunted[at].title}. ${hunted[at].explains}` : "";
    const text = said || found || hint;
    if (feedback.textContent !== text) feedback.textContent = text;
  };
  return { models: choices.node, node, show };
}
