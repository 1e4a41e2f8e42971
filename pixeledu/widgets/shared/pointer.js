// Where a mouse or a finger goes on a picture.

/**
 * Call reach(x, y) with the place, as shares of the node's width and height, where a mouse or a
 * finger goes to on a node (its style says `touch-action: pan-y`). A finger may be about to scroll
 * the page, which cancels the pointer: it counts once it has moved sideways, or when it lifts.
 */
export function followPointer(node, reach) {
  let finger = null;
  const follow = (event) => {
    if (!node.hasPointerCapture(event.pointerId)) return;
    const still = finger !== null && Math.abs(event.clientX - finger) < 8;
    if (still && event.type === "pointermove") return;
    finger = null;
    const box = node.getBoundingClientRect();
    reach((event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height);
  };
  node.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    event.preventDefault();
    node.setPointerCapture(event.pointerId);
    finger = event.pointerType === "mouse" ? null : event.clientX;
    if (finger === null) follow(event);
  });
  node.addEventListener("pointermove", follow);
  node.addEventListener("pointerup", follow);
}

/** Which of `count` equal parts a share from 0 to 1 falls into; the nearest one outside of that. */
export function indexAt(share, count) {
  return Math.min(Math.max(Math.floor(share * count), 0), count - 1);
}
