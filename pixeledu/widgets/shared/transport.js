// The controls that lead through the steps of a figure: buttons, slider, speed, keys and the clock.

import { element, icon, listen } from "./page.js";

const ICONS = {
  start: "M2.5 3h2v10h-2zM13.5 3v10l-8-5z",
  back: "M11.5 3v10l-8-5z",
  play: "M4 2.5v11l9.5-5.5z",
  pause: "M3.5 3h3.2v10H3.5zM9.3 3h3.2v10H9.3z",
  forward: "M4.5 3v10l8-5z",
  end: "M11.5 3h2v10h-2zM2.5 3v10l8-5z",
};

/**
 * The controls of a figure with steps from 0 to a last one. `model` has the traits `playing`,
 * `speed` and `position` (or as `trait` calls it); the rest says how this figure differs:
 *
 * trait               the trait that holds the step shown
 * words               { step, slider, unit } as in "One value back", the slider's name, "pixels/s"
 * speeds, usualSpeed  speeds on offer, in units a second, and the one for a speed out of range
 * stepsInUnit         how many steps such a unit has
 * last()              the last step
 * rowAway(step, n)    the step that n rows up or down lead to
 * endOfRow(step), rowLength()    where a row ends and how long it is: with reduced motion a figure
 *                     moves on by rows
 * describe(step)      the step in words
 * draw(step, still)   shows the step; `still` if a screen reader may speak of it
 * finished()          what is said when playing has reached the last step; may be left out
 *
 * The two nodes `buttons` and `scrub` belong into the figure, whose root `start` then takes.
 */
export function transportOf(model, figure) {
  const { trait, words, speeds, usualSpeed, stepsInUnit, last } = figure;
  const inside = (step) => Math.min(Math.max(step, 0), last());
  const position = () => inside(Math.trunc(model.get(trait)) || 0);
  const speed = () => (speeds.includes(model.get("speed")) ? model.get("speed") : usualSpeed);
  const playing = () => Boolean(model.get("playing"));

  const save = (name, value) => {
    model.set(name, value);
    model.save_changes();
  };
  /** Go to a step because a person asked for it: playing stops, so that they can look. */
  const go = (step) => {
    model.set(trait, inside(step));
    save("playing", false);
  };
  /** The same after a click in the figure; the keys work from then on. */
  const jump = (step) => {
    scrubber.focus({ preventScroll: true });
    go(step);
  };
  const toggle = () => {
    if (!playing() && position() === last()) model.set(trait, 0);
    save("playing", !playing());
  };
  const faster = (by) => {
    const next = speeds.indexOf(speed()) + by;
    if (speeds[next]) save("speed", speeds[next]);
  };

  const button = (name, label, onclick) => {
    const made = element("button.pixeledu-button", { type: "button", onclick }, icon(ICONS[name]));
    made.title = label;
    made.setAttribute("aria-label", label);
    return made;
  };
  const play = button("play", "Play", toggle);
  play.classList.add("pixeledu-primary");
  const scrubber = element("input", {
    type: "range",
    min: 0,
    max: last(),
    step: 1,
    "aria-label": words.slider,
    oninput: () => go(Number(scrubber.value)),
  });
  const rates = element(
    "select",
    { "aria-label": "Speed", onchange: () => save("speed", Number(rates.value)) },
    ...speeds.map((s) => element("option", { value: s }, `${s} ${words.unit}${s > 1 ? "s" : ""}/s`)),
  );
  const buttons = element(
    "div.pixeledu-transport",
    {},
    button("start", "To the start", () => go(0)),
    button("back", `One ${words.step} back`, () => go(position() - 1)),
    play,
    button("forward", `One ${words.step} forward`, () => go(position() + 1)),
    button("end", "To the end", () => go(last())),
  );
  const status = element("span.pixeledu-hidden", { role: "status" });
  const scrub = element("div.pixeledu-scrub", {}, scrubber, rates, status);

  const press = (event) => {
    const { key, target } = event;
    if (event.ctrlKey || event.altKey || event.metaKey || target.closest("select")) return;
    if (key === " " && target.closest("button, [type=checkbox]")) return; // it presses what it is on
    const here = position();
    const actions = {
      " ": toggle,
      ArrowLeft: () => go(here - 1),
      ArrowRight: () => go(here + 1),
      ArrowUp: () => go(figure.rowAway(here, -1)),
      ArrowDown: () => go(figure.rowAway(here, 1)),
      Home: () => go(0),
      End: () => go(last()),
      "+": () => faster(1),
      "=": () => faster(1),
      "-": () => faster(-1),
    };
    if (!Object.hasOwn(actions, key)) return;
    event.preventDefault();
    event.stopPropagation();
    actions[key]();
  };

  const show = () => {
    const step = position();
    const still = !playing() && document.activeElement !== scrubber; // that one speaks for itself
    figure.draw(step, still);
    scrubber.max = last();
    scrubber.value = step;
    scrubber.setAttribute("aria-valuetext", figure.describe(step));
  };

  // Playing: the position follows the clock from where and when this stretch began. A new stretch
  // begins when something else moved the position or the speed, or the page was not on screen.
  const calm = matchMedia("(prefers-reduced-motion: reduce)");
  let frame = 0;
  let stretch = null;
  let saved = 0;
  const tick = (now) => {
    if (!buttons.isConnected) return save("playing", false); // taken off the page
    frame = requestAnimationFrame(tick);
    const here = position();
    const rate = (speed() * stepsInUnit) / 1000; // steps a millisecond
    if (!stretch || stretch.at !== here || stretch.rate !== rate || now - stretch.seen > 1000) {
      stretch = { from: here, since: now, rate };
    }
    let next = inside(stretch.from + Math.floor((now - stretch.since) * rate));
    if (calm.matches) {
      const beat = Math.max(500, figure.rowLength() / rate);
      const due = now - stretch.since >= beat;
      next = due ? figure.endOfRow(inside(here + 1)) : here;
      if (due) stretch.since = now;
    }
    stretch.at = next;
    stretch.seen = now;
    if (next !== here) model.set(trait, next);
    if (next === last()) {
      save("playing", false);
      status.textContent = figure.finished?.() ?? `Finished: ${figure.describe(next)}.`;
    }
    if (next !== last() && now - saved > 250) {
      saved = now;
      model.save_changes();
    }
  };
  const run = () => {
    cancelAnimationFrame(frame);
    stretch = null;
    if (playing()) status.textContent = "";
    if (playing()) frame = requestAnimationFrame(tick);
    play.replaceChildren(icon(ICONS[playing() ? "pause" : "play"]));
    play.title = playing() ? "Pause" : "Play";
    play.setAttribute("aria-label", play.title);
    show();
  };
  const setRate = () => (rates.value = speed());

  /** Listen to the keys inside `root` and to the model; returns the clean-up. */
  const start = (root) => {
    root.setAttribute("data-lm-suppress-shortcuts", "true"); // JupyterLab: the arrows are ours here
    root.addEventListener("keydown", press);
    const stop = listen(model, {
      [`change:${trait}`]: show,
      "change:playing": run,
      "change:speed": setRate,
    });
    setRate();
    run();
    return () => {
      cancelAnimationFrame(frame);
      stop();
    };
  };
  return { buttons, scrub, go, jump, position, show, start };
}
