"""The drawings of the book, each made from a module, with its sizes written into the boxes."""

from pixeledu.diagrams.canvas import MASKED, OPEN, Diagram
from pixeledu.layers import DiagonalBiLSTM, GatedBlock, MaskedConv2d, RowLSTM
from pixeledu.layers.blocks import ResidualBlock
from pixeledu.models import ResidualModel


def _named(layer: MaskedConv2d) -> tuple[str, str]:
    rows, width = layer.weight.shape[2:]
    size = f"{2 * rows - 1}×{width} convolution"
    return f"{size}, mask {layer.mask_type}", f"{layer.in_features} → {layer.out_features} features"


def _past(row: int, column: int, width: int) -> set[tuple[int, int]]:
    """The cells that come before one in a grid of a width."""
    return {divmod(place, width) for place in range(row * width + column)}


def network(model: ResidualModel) -> Diagram:
    """Draw a PixelCNN or a PixelRNN from the image to the distributions.

    Args:
        model: its sizes are written into the boxes.
    """
    first, head, blocks = model.first, model.head, len(model.blocks)
    wide = first.out_features
    cell = getattr(model.blocks[0], "lstm", None) if blocks else None
    block = f"{type(cell).__name__} block" if cell is not None else "residual block"
    drawing = Diagram(
        f"the network: an image with {model.levels} levels goes through a {', '.join(_named(first))}, "
        f"{blocks} times a {block} on a trunk of {wide} features, and twice a ReLU and a 1×1 "
        f"convolution with mask B; a softmax gives {model.levels} probabilities for each pixel.",
        414,
    )
    middle = 150
    drawing.cells(middle - 42, 4, (4, 7), _past(2, 3, 7), (2, 3))
    drawing.text(210, 32, "image: each value", "start")
    drawing.text(210, 49, f"is one of {model.levels} levels", "start")
    drawing.arrow((middle, 54), (middle, 74))
    y = drawing.box(middle, 74, 220, *_named(first), tint=MASKED)
    drawing.arrow((middle, y), (middle, y + 28))
    drawing.frame(16, y + 16, 268, 68)
    drawing.text(294, y + 54, f"× {blocks}", "start")
    y = drawing.box(middle, y + 28, 220, block, f"trunk: {wide} features", tint=MASKED)
    for layer in (head.mix, head.predict):
        drawing.arrow((middle, y), (middle, y + 24))
        names = ("ReLU, " + _named(layer)[0], _named(layer)[1])
        y = drawing.box(middle, y + 24, 220, *names, tint=MASKED)
    drawing.arrow((middle, y), (middle, y + 20))
    drawing.box(middle, y + 20, 220, "softmax", f"{model.levels} probabilities a pixel")
    return drawing


def residual_block(block: ResidualBlock) -> Diagram:
    """Draw the residual block of a PixelCNN.

    Args:
        block: its sizes are written into the boxes.
    """
    wide, narrow = block.reduce.in_features, block.reduce.out_features
    drawing = Diagram(
        f"the residual block: the trunk of {wide} features goes down one side unchanged. On the other "
        f"side a ReLU comes before each of three convolutions: 1×1 to {narrow} features, 3×3 with "
        f"mask B, 1×1 back to {wide}. Their result is added to the trunk.",
        346,
    )
    trunk, branch = 40, 210
    drawing.text(trunk - 34, 16, f"trunk, {wide} features", "start")
    drawing.arrow((trunk, 24), (trunk, 309))
    drawing.arrow((trunk, 34), (branch, 34), (branch, 50))
    y, widths = 50, (230, 180, 230)
    for layer, width in zip((block.reduce, block.convolve, block.expand), widths, strict=True):
        y = drawing.box(branch, y, 70, "ReLU")
        drawing.arrow((branch, y), (branch, y + 10))
        y = drawing.box(branch, y + 10, width, *_named(layer), tint=MASKED)
        if layer is not block.expand:
            drawing.arrow((branch, y), (branch, y + 8))
            y += 8
    drawing.arrow((branch, y), (branch, 318), (trunk + 9, 318))
    drawing.sign(trunk, 318, "+")
    drawing.arrow((trunk, 327), (trunk, 345))
    return drawing


def row_lstm(layer: RowLSTM) -> Diagram:
    """Draw one step of a Row LSTM: a row of states from the row above and from its own inputs.

    Args:
        layer: its sizes are written into the boxes.
    """
    k, hidden = layer.kernel_size, layer.hidden
    drawing = Diagram(
        f"the Row LSTM: the hidden states of the row above go through a 1×{k} convolution without a "
        f"mask, the inputs of the row itself through a 1×{k} convolution with mask B. Their sum, "
        f"{4 * hidden} features, gives the gates f, i and o and the content g. The memory of the row "
        "above times f, plus i times g, is the new memory; its tanh times o is the new hidden state.",
        312,
    )
    left, memory, shown = 84, 312, 256
    near = {(0, column) for column in range(3 - k // 2, 4 + k // 2)}
    drawing.text(left, 16, "row above: h")
    drawing.cells(left - 42, 24, (1, 7), near, (0, 3))
    drawing.arrow((left, 38), (left, 56))
    size = f"1×{k}, {hidden} → {4 * hidden}"
    y = drawing.box(left, 56, 150, "state-to-state", size, "no mask: all past", tint=OPEN)
    drawing.arrow((left, y), (left, 133))
    drawing.text(left, 280, "this row: x")
    drawing.cells(left - 42, 252, (1, 7), {cell for cell in near if cell[1] <= 3}, (0, 3))
    drawing.arrow((left, 250), (left, 228))
    size = f"1×{k}, {layer.in_features} → {4 * hidden}"
    drawing.box(left, 167, 150, "input-to-state", size, "mask B", tint=MASKED)
    drawing.arrow((left, 167), (left, 151))
    drawing.sign(left, 142, "+")

    for name, y in (("f: σ", 83), ("i: σ", 125), ("g: tanh", 158), ("o: σ", 219)):
        drawing.arrow((left + 9, 142), (166, 142), (166, y), (174, y))
        drawing.box(202, y - 13.5, 56, name)
    drawing.text(memory, 16, "row above: c")
    drawing.cells(memory - 42, 24, (1, 7), {(0, 3)}, (0, 3))
    drawing.arrow((memory, 38), (memory, 74))
    drawing.arrow((230, 83), (memory - 9, 83))
    drawing.arrow((memory, 92), (memory, 133))
    drawing.arrow((230, 125), (shown, 125), (shown, 133))
    drawing.arrow((230, 158), (shown, 158), (shown, 151))
    drawing.arrow((shown + 9, 142), (memory - 9, 142))
    drawing.arrow((memory, 151), (memory, 284))
    drawing.arrow((memory, 182), (shown + 22, 182))
    drawing.box(shown, 168.5, 44, "tanh")
    drawing.arrow((shown, 195.5), (shown, 210))
    drawing.arrow((230, 219), (shown - 9, 219))
    drawing.arrow((shown, 228), (shown, 246))
    for x, y, sign in ((memory, 83, "×"), (shown, 142, "×"), (memory, 142, "+"), (shown, 219, "×")):
        drawing.sign(x, y, sign)
    drawing.cells(shown - 42, 248, (1, 7), {(0, 3)}, (0, 3))
    drawing.text(208, 259, "h", "end")
    drawing.cells(memory - 42, 286, (1, 7), {(0, 3)}, (0, 3))
    drawing.text(262, 297, "this row: c", "end")
    return drawing


def diagonal_bilstm(layer: DiagonalBiLSTM) -> Diagram:
    """Draw a Diagonal BiLSTM: two directions, and how the second becomes past.

    Args:
        layer: its sizes are written into the boxes.
    """
    hidden = layer.hidden
    drawing = Diagram(
        f"the Diagonal BiLSTM: a 1×1 convolution with mask B makes {8 * hidden} features, half of them "
        "for each direction. From the left: skew, an LSTM over the columns, unskew; the map knows "
        "everything above and to the left of a pixel and the pixel itself. From the right: flip, the "
        "same, flip back, and down by one row; the map knows everything above, straight up and to the "
        "right. Both are added.",
        446,
    )
    left, right, middle = 88, 272, 180
    drawing.text(middle, 16, "input x")
    drawing.arrow((middle, 22), (middle, 36))
    size = f"1×1, mask B, {layer.in_features} → {8 * hidden}"
    y = drawing.box(middle, 36, 220, "input-to-state", size, tint=MASKED)
    lstm = ("LSTM over columns", "reads above, before")
    columns = (
        (left, "from left", (("skew",), lstm, ("unskew",)), (3, 0, 4)),
        (
            right,
            "from right",
            (("flip, skew",), lstm, ("unskew, flip",), ("down by one row",)),
            (2, 3, 7),
        ),
    )
    for x, name, boxes, (last, start, stop) in columns:
        drawing.arrow((x, y), (x, y + 38))
        drawing.text(x + (-6 if x == left else 6), y + 20, name, "end" if x == left else "start")
        below = y + 38
        for i, lines in enumerate(boxes):
            end = drawing.box(x, below, 160, *lines, tint=OPEN if lines is lstm else None)
            below = end + 14
            drawing.arrow((x, end), (x, below if i + 1 < len(boxes) else 322))
        seen = {(r, c) for r in range(last + 1) for c in range(start, stop)}
        drawing.cells(x - 42, 326, (4, 7), seen, (3, 3))
        drawing.arrow((x, 376), (x, 400), (middle + (-9 if x == left else 9), 400))
    drawing.sign(middle, 400, "+")
    drawing.arrow((middle, 409), (middle, 424))
    drawing.text(middle, 441, f"h: {hidden} features")
    return drawing


def gated_block(block: GatedBlock) -> Diagram:
    """Draw a block of the gated PixelCNN: the vertical and the horizontal map.

    Args:
        block: its sizes are written into the boxes; mask A is the block that reads the image.
    """
    rows, width = block.vertical.kernel_size
    inputs, hidden, later = block.in_features, block.hidden, block.mask_type == "B"
    drawing = Diagram(
        f"the gated block: the vertical map goes through a {rows}×{width} convolution over "
        f"{'its own row and' if later else ''} the rows above and a gate. The horizontal map goes "
        f"through a 1×{width} convolution with mask {block.mask_type}; the vertical sums are added "
        "through a 1×1 link; a gate and a 1×1 convolution follow"
        f"{', and the horizontal map itself is added' if later else ''}.",
        401,
    )
    left, right, far = 84, 262, 350
    drawing.text(left, 16, f"vertical v, {inputs} features")
    drawing.text(right, 16, f"horizontal h, {inputs}")
    grid, pixel, reach = (4, 7), (3, 3), width // 2
    above = {(r, c) for r in range(4) for c in range(3 - reach, 4 + reach)}
    above = {cell for cell in above if 3 - rows + later <= cell[0] < 3 + later}
    drawing.cells(left - 42, 26, grid, above, pixel)
    drawing.cells(right - 42, 26, grid, {(3, c) for c in range(3 - reach, 3 + later)}, pixel)
    for x in (left, right):
        drawing.arrow((x, 76), (x, 92))
    lines = f"{rows}×{width}, no mask", f"{inputs} → {2 * hidden} features"
    y = drawing.box(left, 92, 150, *lines, tint=OPEN)
    lines = f"1×{width}, mask {block.mask_type}", f"{inputs} → {2 * hidden} features"
    drawing.box(right, 92, 150, *lines, tint=MASKED)
    drawing.arrow((right, y), (right, 181))
    drawing.arrow((left, y), (left, 222))
    drawing.arrow((left, 190), (127, 190))
    drawing.box(168, 176.5, 82, "link, 1×1")
    drawing.arrow((209, 190), (right - 9, 190))
    drawing.sign(right, 190, "+")
    drawing.arrow((right, 199), (right, 222))
    for x in (left, right):
        y = drawing.box(x, 222, 150, "gate: tanh(f) · σ(g)", f"{2 * hidden} → {hidden} features")
    drawing.arrow((left, y), (left, 379))
    drawing.arrow((right, y), (right, y + 20))
    y = drawing.box(right, y + 20, 150, "1×1, mask B", f"{hidden} → {hidden} features", tint=MASKED)
    drawing.arrow((right, y), (right, 379))
    if later:
        drawing.arrow((right + 42, 50), (far, 50), (far, 351), (right + 9, 351))
        drawing.sign(right, 351, "+")
    drawing.text(left, 395, f"new v, {hidden} features")
    drawing.text(right, 395, f"new h, {hidden} features")
    return drawing
