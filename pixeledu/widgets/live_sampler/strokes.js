// Painting changes what is given. Erasing keeps all that is to be seen beside it, and takes a new
// seed: with the old one the same would be drawn again. All of it can be undone.

import { halfOf, keepShown, withPixels } from "./painting.js";

/**
 * What paints on a scene. `shown()` says how many places of the current picture are to be seen: what
 * is erased leaves those as they are.
 */
export function strokesOn(model, scene, shown) {
  const { save } = scene;
  const now = () => ({ given: model.get("given"), seed: scene.seed(), model: scene.entry().name });
  const first = now();
  const past = []; // what was given before each change, the last one at the end
  const remember = () => {
    const state = now();
    if (JSON.stringify(past.at(-1)) !== JSON.stringify(state)) past.push(state);
  };
  const change = (changes) => {
    remember();
    save(changes);
  };
  const free = () => new Array(scene.current().image.length).fill(-1);
  const kept = () => keepShown(scene.current().image, scene.drawing.given, shown());

  const blankUpper = () => {
    const { height, width, channels } = scene.drawing.shape;
    const black = new Array(channels).fill(0);
    change({ given: withPixels(free(), halfOf("upper", height, width), black, channels) });
  };
  const eraseLower = () => {
    const { height, width, channels } = scene.drawing.shape;
    const erased = withPixels(kept(), halfOf("lower", height, width), null, channels);
    change({ given: erased, seed: scene.nextSeed() });
  };
  const giveNothing = () => change({ given: [] });
  /** A stroke that gives `ink` (a level for each colour) or erases (null): { add(pixels), end() }. */
  const strokeWith = (ink) => {
    remember();
    const base = ink ? (scene.drawing.given ?? free()) : kept();
    const touched = new Set();
    const { channels } = scene.drawing.shape;
    if (!ink) model.set("seed", scene.nextSeed());
    const add = (pixels) => {
      for (const pixel of pixels) touched.add(pixel);
      model.set("given", withPixels(base, touched, ink, channels));
    };
    return { add, end: () => model.save_changes() };
  };
  /** Bring back what was given before the last change. */
  const undo = () => past.length && save(past.pop());
  /** Bring back what was given at first. */
  const reset = () => change(first);
  const changes = () => past.length;
  return { blankUpper, eraseLower, giveNothing, strokeWith, undo, reset, changes };
}
