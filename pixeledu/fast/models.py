"""A whole model in steps over arrays: what leads from one block to the next stays an array."""

import torch
from torch import Tensor

from pixeledu.steps import Steps, rows_of


class ModelSteps(Steps):
    """A model, one value at a time, in the order the values are drawn."""

    def __init__(self, model, batch: int, width: int, condition: Tensor | None = None):
        self.first = model.first.steps(batch, width)
        self.blocks = [block.steps(batch, width) for block in model.blocks]
        self.head = model.head.steps(batch, width)
        self.ops = self.first.ops
        self.rows = rows_of(condition, width)
        # A thread more pays only where a product takes longer than waiting for the thread.
        work = batch * max(weight.numel() for weight in model.parameters())
        self.threads = max(1, work // 2**21)
        # The scaled form of every level, to look up instead of computing it for each value.
        levels = torch.arange(model.levels, device=next(model.parameters()).device)
        self.scaled = self.ops.view(model.scale(levels).detach())

    def start_row(self, vertical=None, condition=None) -> None:
        condition = next(self.rows)  # (B, hidden, W), or None
        row = self.first.start_row(None, condition)
        for block in self.blocks:
            row = block.start_row(row, condition)

    def put(self, values: Tensor, column: int, colour: int = 0) -> None:
        self.first.slot(column, colour)[:, 0] = self.scaled[self.ops.view(values)]

    def read(self, column: int, colour: int = 0) -> Tensor:
        x = self.first.compute(column, colour)  # (B, features of this colour)
        for block in self.blocks:
            block.add_to(x, column, colour)
        return self.head.logits_of(x, column, colour)  # (B, levels)
