"""Answers that are as right as the solutions: other types, other ways. One verdict for all of them."""

# Task -> what a right answer may make of the value that the solution returns.
OTHER_TYPES = {
    "predecessors": ["np.int64(value)", "torch.tensor(value)", "np.array(value)"],
    "nats": ["value.double()", "value.clone().requires_grad_()"],
    "bits": ["np.float64(value)", "torch.tensor(value, dtype=torch.float64)"],
    "triangle": ["value.bool()", "value.long()", "torch.from_numpy(value.numpy()).double()"],
    "counting": ["value.double()", "value + 3"],
    "draw": ["value.float()", "value.to(torch.uint8)"],
    "masks-by-hand": [
        "{k: np.array(rows, dtype=float) for k, rows in value.items()}",
        "{k: torch.tensor(rows) for k, rows in value.items()}",
        "{k: [[bool(n) for n in row] for row in rows] for k, rows in value.items()}",
        "{k: tuple(map(tuple, value[k])) for k in 'BA'}",
    ],
    "mask-of-layer": ["value.bool()", "value.double()", "value.long()"],
    "shift": ["value.contiguous()"],
    "one-step": ["tuple(part.clone() for part in value)", "list(value)"],
    "field-by-hand": ["tuple(value)", "np.array(value)"],
    "strength": ["value.double()"],
    "reach-right": ["np.int64(value)", "torch.tensor(value)"],
    "paths": ["value.bool()", "value.int()", "value.double()"],
    "colour-order": ["[np.int64(colour) for colour in value]"],
    "size": ["np.int64(value)", "torch.tensor(value)"],
    "guesses": ["dict(reversed(value.items()))", "{k: v.double() for k, v in value.items()}"],
    "rest": ["value.double()"],
    "complete": ["value.long()", "value.float()"],
    "may": ["int(value)", "np.bool_(value)"],
    "price": ["np.float64(value)", "torch.tensor(value, dtype=torch.float64)"],
    "pixel": ["list(value)", "tuple(torch.tensor(v) for v in value)"],
    "logistics": ["value.clone()"],
    "bias": ["value.double()"],
    "unlabelled": ["value.clone()"],
    "bytes": ["np.int64(value)"],
    "pays": ["value if value is None else np.int64(value)"],
    "alarm": ["np.float64(value)", "torch.tensor(value, dtype=torch.float64)"],
    "beam": ["list(value)"],
    "untouched": ["value.int()", "value.float()"],
    "triangle-by-hand": ["np.array(value, dtype=float)", "torch.tensor(value)", "tuple(value)"],
    "forget-bias": ["np.float64(value)", "torch.tensor(value, dtype=torch.float64)"],
    "layers-needed": ["value if value is None else np.int64(value)"],
    "columns": ["value.clone()"],
    "turned": ["value.clone()"],
    "steps-from-right": ["np.array(value, dtype=float)", "torch.tensor(value)", "tuple(value)"],
    "skew-left": ["value.double().float()"],
    "missed": ["np.int64(value)", "torch.tensor(value)"],
    "who-sees": ["{k: set(value[k]) for k in reversed(list(value))}"],
    "when": ["[np.int64(step) for step in value]"],
    "match": ["np.int64(value)", "torch.tensor(value)"],
    "digits-needed": ["np.int64(value)", "torch.tensor(value)"],
    "wirings": ["dict(sorted(value.items(), reverse=True))"],
    "unseen": ["np.int64(value)", "torch.tensor(value)"],
    "gate": ["value.clone()"],
    "probable": ["np.float64(value)", "torch.tensor(value, dtype=torch.float64)"],
    "sure": ["tuple(torch.as_tensor(v, dtype=torch.float64) for v in value)"],
    "same-chance": ["tuple(np.float64(v) for v in value)"],
    "expensive": ["value.double()"],
    "ways-work": ["tuple(np.int64(number) for number in value)"],
    "stale": ["list(value)"],
    "refused": ["value.float().double()", "value.clone()"],
    "fixed-point": ["(value[0].long(), np.int64(value[1]))"],
    "hidden": ["value.double()", "value.clone().requires_grad_()"],
    "total": ["np.float64(value)", "torch.tensor(value, dtype=torch.float64)"],
    "from-left": ["np.int64(value)", "torch.tensor(value)"],
    "orders": ["tuple(value)", "np.array(value)", "torch.tensor(value, dtype=torch.float64)"],
    "unequal": ["value.float()", "value.clone().requires_grad_()"],
    "given-pixels": ["value.long()", "value.float()"],
    "row-and-column": [
        "[value[0].int(), np.int64(value[1])]",
        "(value[0].numpy(), torch.tensor(value[1]))",
        "(value[0].tolist(), value[1])",
    ],
}

# Task -> an answer that goes another way.
OTHER_WAYS = {
    "predecessors": """
def predecessors(row: int, column: int, width: int) -> int:
    return sum(1 for r in range(row + 1) for c in range(width) if (r, c) < (row, column))
""",
    "nats": """
def nats_of(logits: torch.Tensor, images: torch.Tensor) -> torch.Tensor:
    nats = torch.zeros(len(images), dtype=torch.float64)
    for place in torch.ones(images.shape).nonzero().tolist():
        b, c, row, column = place
        nats[b] -= logits[b, :, c, row, column].double().log_softmax(0)[images[tuple(place)].long()]
    return nats
""",
    "counting": """
def count_levels(images: torch.Tensor, levels: int) -> torch.Tensor:
    counts = torch.stack([(images == level).float().sum(0) for level in range(levels)])
    return (counts + 0.05).log()
""",
    "columns": """
def down_columns(lstm: nn.LSTM, x: torch.Tensor) -> torch.Tensor:
    batch, features, height, width = x.shape
    own = nn.LSTM(features, lstm.hidden_size)
    own.load_state_dict(lstm.state_dict())
    assert torch.equal(own.weight_ih_l0, lstm.weight_ih_l0)
    with torch.no_grad():
        out, _ = own(x.permute(2, 0, 3, 1).reshape(height, batch * width, features))
    return out.view(height, batch, width, -1).permute(1, 3, 0, 2)
""",
    "two-paints": """
def learn_paints(images: torch.Tensor) -> nn.Module:
    model = pixeledu.PixelCNN(channels=3, levels=2, hidden=9, layers=0)
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.03)
    for step in range(100):
        batch = images[step % 7 * 48 : step % 7 * 48 + 48]
        loss = F.cross_entropy(model(batch), batch.long())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return model
""",
    "far-copies": """
def learn_copies(images: torch.Tensor, right: int) -> nn.Module:
    model = OneLook(3, 2 * right + 3)
    optimizer = torch.optim.SGD(model.parameters(), lr=2.0, momentum=0.9)
    for step in range(60):
        batch = images[step % 5 * 64 : step % 5 * 64 + 64]
        loss = F.cross_entropy(model(batch), batch.long())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return model
""",
    "rounding": """
def leaks(function, image: torch.Tensor, row: int, column: int) -> bool:
    both = torch.cat([image, image]).double()
    both[1, 0, row, column] -= 3
    apart = (function(both)[0] - function(both)[1]).flatten()
    return any(abs(apart[i].item()) > 1e-10 for i in range(row * image.shape[-1] + column + 1))
""",
    "look-up": """
def look_up(convolution: nn.Conv2d, x: torch.Tensor, rows: int, skip: int) -> torch.Tensor:
    high, wide = convolution.kernel_size
    assert high == rows
    padded = F.pad(x, (wide // 2, wide // 2, rows - 1 + skip, 0))
    return F.conv2d(padded, convolution.weight, convolution.bias)[:, :, : x.shape[2]]
""",
    "from-left": """
def missed_from_left(height: int, width: int, k: int) -> int:
    beyond = [width - 1 - column - k // 2 for column in range(width)]
    return sum(row * max(0, columns) for row in range(height) for columns in beyond)
""",
    "elsewhere": """
class MovedOnLink(Unmoved):
    def forward(self, vertical, horizontal):
        above = F.pad(vertical, (0, 0, 3, 0))[:, :, :-1]
        sums_left = self.horizontal(horizontal) + self.link(self.vertical(above))
        new_vertical, _ = super().forward(vertical, horizontal)
        added = self.expand(self.gate(sums_left))
        return new_vertical, added if self.first else horizontal + added
""",
    "orders": """
def nats_in_order(joint: torch.Tensor, order: tuple[int, int, int]) -> list[float]:
    nats = torch.zeros(3, dtype=torch.float64)
    for place in joint.nonzero().tolist():
        before = joint
        for turn, colour in enumerate(order):
            given = before.narrow(colour, place[colour], 1)
            nats[turn] += joint[tuple(place)] * (before.sum() / given.sum()).log()
            before = given
    return nats
""",
    "unequal": """
def with_new_frequencies(
    log_posterior: torch.Tensor, old: torch.Tensor, new: torch.Tensor
) -> torch.Tensor:
    joint = log_posterior + (new / old).log()
    return joint - torch.logsumexp(joint, dim=1, keepdim=True)
""",
    "given-pixels": """
def complete_in_steps(start_row, read, put, images, known, noise):
    completed = torch.zeros_like(images, dtype=torch.long)
    for row in range(images.shape[2]):
        start_row()
        for column in range(images.shape[3]):
            p = read(column).softmax(1)
            for b in range(len(images)):
                value = images[b, 0, row, column]
                if not known[b, 0, row, column]:
                    value = (p[b].cumsum(0)[:-1] <= noise[b, 0, row, column]).sum()
                completed[b, 0, row, column] = value
            put(completed[:, 0, row, column], column)
    return completed
""",
    "row-and-column": """
def row_and_column(height: int, width: int) -> tuple[torch.Tensor, int]:
    mask = torch.zeros(height, width, height, width, dtype=torch.bool)
    for row in range(height):
        for column in range(width):
            mask[row, column, row, : column + 1] = True
            mask[row, column, : row + 1, column] = True
    upper_right = height * (height - 1) // 2 * (width * (width - 1) // 2)
    return mask.flatten(2).flatten(0, 1), upper_right
""",
}


def right_answers(task) -> dict[str, str]:
    """Name -> code, for a task of a teacher source."""
    made = {}
    for expression in OTHER_TYPES.get(task.id, []):
        (name,) = task.names
        made[expression] = (
            f"import numpy as np\nimport torch\n\n{task.solution}\n\n\n_solution = {name}\n\n\n"
            f"def {name}(*arguments, **named):\n"
            f"    value = _solution(*arguments, **named)\n    return {expression}\n"
        )
    if task.id in OTHER_WAYS:
        made["another way"] = OTHER_WAYS[task.id].strip()
    return made
