// Slides a masked kernel over a small image and shows what each of its weights touches.

import { element, listen, politely, shownIn } from "../shared/page.js";
import { meaningOf, pixelByPixel, pixelMap } from "../shared/pixel_map.js";
import { transportOf } from "../shared/transport.js";
import { describeWeight, isOpen, kernelOf, maskOf, offsetsOf } from "./masks.js";
import { offsetTo, pixelAt, reasonFor, touched } from "./masks.js";
import { choicesOf, coloursOf, weightsOf } from "./settings.js";
import constants from "./constants.json" with { type: "json" };

const TRAITS = ["height", "width", "kernel_size", "mask_type", "channels", "reads", "computes"];

const valuesBy = (name, values) => Object.fromEntries(values.map((value) => [name(value), value]));

function draw(model, el) {
  const read = () => kernelOf(Object.fromEntries(TRAITS.map((name) => [name, model.get(name)])));
  let kernel = read();
  const { height, width } = kernel;
  const { kernel_side, image_width, image_height, image_pixel } = constants.sizes; // px, at most
  const inside = (n) => Math.min(Math.max(Math.trunc(n) || 0, -kernel.reach), kernel.reach);
  const offset = () => [0, 1].map((i) => inside(model.get("offset")?.[i]));
  const save = (trait, value) => {
    model.set(trait, value);
    model.save_changes();
  };
  const choose = (wanted) => {
    if (wanted.join() !== offset().join()) save("offset", wanted);
  };
  const grid = pixelByPixel(height, width);

  const transport = transportOf(model, {
    ...grid,
    trait: "position",
    words: { step: "pixel", slider: "Where the kernel lies", unit: "pixel" },
    speeds: constants.speeds,
    usualSpeed: 4,
    draw: (position, still) => show(position, still),
  });

  const settings = [
    choicesOf("Mask", "mask_type", valuesBy((type) => type, constants.mask_types), save),
    choicesOf("Kernel", "kernel_size", valuesBy((size) => `${size}×${size}`, constants.kernel_sizes), save),
    choicesOf("Colours", "channels", { grey: 1, RGB: 3 }, save),
    coloursOf(save),
  ];
  const weights = weightsOf(choose);
  const image = pixelMap({
    ...{ height, width, box: { width: image_width, height: image_height, side: image_pixel } },
    pick: (row, column) => transport.jump(row * width + column),
    hover: (row, column) => {
      const reached = offsetTo(kernel, Number(model.get("position")), row * width + column);
      if (reached) choose(reached);
    },
  });
  const kernelBox = element("div.pixeledu-kernel");
  const lines = ["strong", "span", "span", "span.pixeledu-quiet"].map((name) => element(name));
  const readout = element("p.pixeledu-readout", { "aria-atomic": "true" }, ...lines);
  const [colours, ...others] = settings.map(({ node }) => node).reverse();
  const facts = element("div.pixeledu-mask", {}, ...others.reverse(), readout, colours);
  const legend = element(
    "p.pixeledu-legend.pixeledu-quiet",
    {},
    meaningOf("open", "open"),
    meaningOf("padding", "open, outside the image"),
    meaningOf("closed", "closed"),
  );

  let weightMap;
  let shownSize = 0;
  /** The map of the kernel, made anew for another size. */
  const resize = () => {
    if (shownSize === kernel.kernel_size) return;
    shownSize = kernel.kernel_size;
    const [side, reach] = [kernel.kernel_size, kernel.reach];
    weightMap = pixelMap({
      ...{ height: side, width: side, box: { width: kernel_side, height: kernel_side } },
      pick: (row, column) => {
        weights.node.focus({ preventScroll: true });
        choose([row - reach, column - reach]);
      },
      hover: (row, column) => choose([row - reach, column - reach]),
    });
    weightMap.frame(reach, reach);
    kernelBox.replaceChildren(weightMap.node);
  };
  const show = (position, still) => {
    kernel = read();
    resize();
    const [down, right] = offset();
    const [offsets, mask] = [offsetsOf(kernel), maskOf(kernel)];
    weightMap.fill((i) => {
      if (!mask[i]) return "closed";
      return pixelAt(kernel, position, offsets[i]) < 0 ? "padding" : "open";
    });
    weightMap.ring(down + kernel.reach, right + kernel.reach);
    image.fill((pixel) => {
      const to = offsetTo(kernel, position, pixel);
      if (!to) return "plain";
      return isOpen(kernel, ...to) ? "open" : "closed";
    });
    image.frame(Math.floor(position / width), position % width);
    image.ring(Math.floor(position / width) + down, (position % width) + right);
    weights.show(kernel, position, [down, right]);
    for (const setting of settings) setting.show(kernel);

    const open = `${mask.filter(Boolean).length} of ${mask.length} weights open`;
    const pixels = touched(kernel, position).length;
    const says = [
      `Mask ${kernel.mask_type}, ${kernel.kernel_size}×${kernel.kernel_size}: ${open}`,
      `Pixel (${grid.describe(position)}) reads ${pixels} pixel${pixels === 1 ? "" : "s"}`,
      describeWeight(kernel, position, [down, right]),
      reasonFor(kernel, [down, right]),
    ];
    readout.setAttribute("aria-live", still ? "polite" : "off");
    says.forEach((text, i) => (lines[i].textContent = text));
    facts.dataset.channels = kernel.channels; // as tall as its settings
    weightMap.say(`The kernel: ${open}`);
    image.say(`The image: ${says[1]}`);
  };

  const named = (text, ...nodes) =>
    element("div", {}, element("div.pixeledu-name", {}, text), ...nodes);
  const root = element(
    "div.pixeledu.pixeledu-explorer",
    { role: "group", "aria-label": "What the weights of a masked kernel touch" },
    element(
      "div.pixeledu-two",
      {},
      facts,
      element(
        "div.pixeledu-under",
        {},
        named("The kernel", kernelBox, weights.node),
        named("The image", image.node),
        legend,
      ),
    ),
    element("div.pixeledu-controls", {}, transport.buttons, transport.scrub),
  );
  const stop = transport.start(root);
  const changes = [...TRAITS.slice(2), "offset"].map((name) => [`change:${name}`, transport.show]);
  const stopToo = listen(model, Object.fromEntries(changes));
  return shownIn(el, root, stop, stopToo);
}

const render = politely(draw);

export default { render };
