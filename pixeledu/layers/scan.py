"""The LSTM scan under both recurrent layers, with its gradient written by hand.

A scan goes through an image in fronts, one after the other: the rows (Row LSTM) or the diagonals
(Diagonal BiLSTM). The pixels of a front stand in `lanes` and are computed at once; the lanes are the
columns of a row, or the rows that a diagonal crosses. From the input of a pixel, and from the hidden
states that k neighbouring lanes had one front before:

    o, f, i, g = σ(z_o), σ(z_f), σ(z_i), tanh(z_g)    with z = input + K ⊛ h_before
    c = f · c_before + i · g
    h = o · tanh(c)

Autograd would record some ten small operations for each front, and multiply out the gradient of K at
each of them. Here one function holds the whole scan: it keeps the gates, goes back through the fronts
once, and multiplies out the gradient of K for all of them together.
"""

from functools import lru_cache
from itertools import pairwise

import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable

Spans = list[tuple[int, int]]  # for each step of a scan the first lane and the one after the last


def scan(inputs: Tensor, weight: Tensor, hidden: Tensor, memory: Tensor, diagonal: bool) -> Tensor:
    """Run an LSTM over images, front by front, in D directions that know nothing of each other.

    Args:
        inputs: input-to-state part of the gates o, f, i, g, shape (B, D, 4h, H, W).
        weight: state-to-state weights K, shape (D, 4h, h, k). Tap t of lane l reads lane
            l + t - k // 2 of the front before.
        hidden: the state of every pixel outside the image, shape (D, h).
        memory: the memory of every pixel outside the image, shape (D, h).
        diagonal: whether the fronts are diagonals and not rows.
    Returns:
        Hidden states, shape (B, D, h, H, W).
    """
    # Errors add up over the fronts: the short floats of autocast stay outside.
    with torch.autocast(inputs.device.type, enabled=False):
        taps = weight.transpose(2, 3)  # (D, 4h, k, h)
        return _Scan.apply(inputs.to(weight.dtype), taps, hidden, memory, diagonal)


class _Scan(Function):
    @staticmethod
    def forward(ctx, inputs: Tensor, taps: Tensor, hidden: Tensor, memory: Tensor, diagonal: bool):
        batch, directions, _, height, width = inputs.shape
        k, size = taps.shape[2:]
        fronts = _fronts(height, width, diagonal)
        cells, lanes = fronts.cells, fronts.lanes

        gates = inputs.new_zeros(fronts.steps, directions, 4 * size, lanes, batch)
        fronts.image(gates).copy_(inputs)
        # What each step reads: the hidden states of the front before, once for each tap.
        reads = inputs.new_empty(fronts.steps + 1, directions, k, size, lanes, batch)
        reads.copy_(hidden[:, None, :, None, None])
        memories = inputs.new_empty(fronts.steps + 1, directions, size, lanes, batch)
        memories.copy_(memory[:, :, None, None])
        squashed = torch.zeros_like(memories[1:])  # tanh(c)

        # tanh(z) = 2σ(2z) - 1: on many CPUs a sigmoid costs a fraction of a tanh.
        weight = taps.flatten(2).clone()  # (D, 4h, k·h)
        weight[:, 3 * size :] *= 2
        gates[:, :, 3 * size :] *= 2
        minus_one = inputs.new_full((1,), -1)

        for z, o, f, i, g, x, c_before, c, tanh_c, h, copies in zip(
            cells(gates),
            *map(cells, gates.chunk(4, dim=2)),
            cells(reads[:-1].flatten(2, 3)),
            cells(memories[:-1]),
            cells(memories[1:]),
            cells(squashed),
            cells(reads[1:, :, k // 2]),
            fronts.copies(reads),
            strict=True,
        ):
            z.baddbmm_(weight, x).sigmoid_()
            torch.add(minus_one, g, alpha=2, out=g)
            torch.mul(f, c_before, out=c).addcmul_(i, g)  # c = f · c_before + i · g
            torch.add(c, c, out=tanh_c).sigmoid_()
            torch.add(minus_one, tanh_c, alpha=2, out=tanh_c)
            torch.mul(o, tanh_c, out=h)  # h = o · tanh(c)
            for source, target in copies:
                target.copy_(source)

        ctx.save_for_backward(gates, reads, memories, squashed, taps)
        ctx.fronts = fronts
        return fronts.image(reads[1:, :, k // 2])

    @staticmethod
    @once_differentiable
    def backward(ctx, gradient: Tensor):
        gates, reads, memories, squashed, taps = ctx.saved_tensors
        fronts, cells = ctx.fronts, ctx.fronts.cells
        k, size = taps.shape[2:]
        o, f, i, g = gates.chunk(4, dim=2)

        # What does not depend on the way back, for all fronts at once: dz begins as the slopes of
        # the gates and is later multiplied with what arrives at them.
        dz = torch.empty_like(gates)  # (T, D, 4h, lanes, B)
        dz_o, dz_f, dz_i, dz_g = dz.chunk(4, dim=2)
        _slope_of_sigmoid(squashed, o, grad_input=dz_o)  # tanh(c) · o · (1 - o)
        _slope_of_sigmoid(memories[:-1], f, grad_input=dz_f)  # c_before · f · (1 - f)
        _slope_of_sigmoid(g, i, grad_input=dz_i)  # g · i · (1 - i)
        _slope_of_tanh(i, g, grad_input=dz_g)  # i · (1 - g²)
        slope = _slope_of_tanh(o, squashed, grad_input=torch.empty_like(squashed))  # dh/dc

        dh = torch.zeros_like(squashed)  # (T, D, h, lanes, B)
        fronts.image(dh).copy_(gradient)
        dc = torch.zeros_like(squashed[0])  # (D, h, lanes, B)
        dx = torch.zeros_like(reads[0])  # (D, k, h, lanes, B)
        back = taps.flatten(2).transpose(1, 2).contiguous()  # (D, k·h, 4h)

        every_step = zip(
            cells(dh),
            cells(dc.expand_as(dh)),
            cells(slope),
            cells(f),
            cells(dz),
            cells(dz_o),
            cells(dz[:, :, size:].unflatten(2, (3, size))),
            cells(dx.flatten(1, 2).expand(len(dz), *dx.shape[:1], -1, *dx.shape[3:])),
            fronts.sums(dx, dh),
            strict=True,
        )
        for dh_, dc_, slope_, f_, dz_, dz_o_, dz_fig_, dx_, sums in reversed(list(every_step)):
            dc_.addcmul_(dh_, slope_)
            dz_o_.mul_(dh_)
            dz_fig_.mul_(dc_.unsqueeze(1))
            dc_.mul_(f_)
            torch.bmm(back, dz_, out=dx_)
            for source, target in sums:
                target.add_(source)

        read = reads[:-1].flatten(0, 1).flatten(1, 2).flatten(2)  # (T·D, k·h, cells)
        products = dz.flatten(0, 1).flatten(2) @ read.transpose(1, 2)  # (T·D, 4h, k·h)
        d_taps = products.unflatten(0, dz.shape[:2]).sum(0).unflatten(2, (k, size))
        from_outside = dz.sum(4).permute(1, 2, 0, 3).flatten(2) @ fronts.outside(
            dz, k
        )  # (D, 4h, k)
        d_hidden = torch.einsum("dgk,dgkh->dh", from_outside, taps)
        return fronts.image(dz), d_taps, d_hidden, dc.sum((2, 3)), None


_slope_of_sigmoid = torch.ops.aten.sigmoid_backward.grad_input
_slope_of_tanh = torch.ops.aten.tanh_backward.grad_input


class _Fronts:
    """Where the pixels of an image lie in the buffers of a scan, (T, D, features, lanes, B)."""

    def __init__(self, height: int, width: int, diagonal: bool):
        self.size, self.diagonal = (height, width), diagonal
        self.steps = height + width - 1 if diagonal else height
        self.lanes = height if diagonal else width
        # The lanes whose pixel lies in the image.
        self.active: Spans = [
            (max(0, step - width + 1), min(height, step + 1)) if diagonal else (0, width)
            for step in range(self.steps)
        ]

    def image(self, buffer: Tensor) -> Tensor:
        """Show a buffer as images, (B, D, features, H, W), on the same memory.

        Going down a row in a skewed map means the next step and the next lane; going right, the
        next step. So the image is there already, if you walk through the buffer in other strides.
        """
        step, direction, feature, lane, image = buffer.stride()
        down, right = (step + lane, step) if self.diagonal else (step, lane)
        _, directions, features, _, batch = buffer.shape
        return buffer.as_strided(
            (batch, directions, features, *self.size), (image, direction, feature, down, right)
        )

    def cells(self, buffer: Tensor, spans: Spans | None = None) -> list[Tensor]:
        """Cut a span of lanes (the active ones) out of each step: views (D, …, lanes·B)."""
        spans, batch = spans or self.active, buffer.shape[-1]
        rows = buffer.flatten(-2)
        if len(set(spans)) == 1:
            first, end = spans[0]
            return list(rows[..., first * batch : end * batch].unbind())
        return [
            row.narrow(-1, first * batch, (end - first) * batch)
            for row, (first, end) in zip(rows.unbind(), spans, strict=True)
        ]

    def copies(self, reads: Tensor) -> list[tuple]:
        """List (source, target) for each step: what the next one reads of its hidden states."""
        if self.steps == 1:
            return [()]
        middle = reads.shape[2] // 2  # the tap into which the states themselves are written
        pairs = []
        for tap in range(reads.shape[2]):
            if tap != middle:
                read, reading = self._met(tap - middle)
                sources = self.cells(reads[1:-1, :, middle], read)
                pairs.append(zip(sources, self.cells(reads[1:-1, :, tap], reading), strict=True))
        return [*zip(*pairs, strict=True), ()]

    def sums(self, dx: Tensor, dh: Tensor) -> list[tuple]:
        """List (source, target) for each step: where the gradient of what it has read belongs."""
        if self.steps == 1:
            return [()]
        pairs = []
        for tap in range(dx.shape[1]):
            read, reading = self._met(tap - dx.shape[1] // 2)
            sources = self.cells(dx[:, tap].expand(self.steps - 1, *dh.shape[1:]), reading)
            pairs.append(zip(sources, self.cells(dh[:-1], read), strict=True))
        return [(), *zip(*pairs, strict=True)]

    def _met(self, shift: int) -> tuple[Spans, Spans]:
        """Give, for every step but the first, the lanes of the front before that are read again.

        Args:
            shift: lane l reads lane l + shift.
        Returns:
            The spans of the lanes that are read, and of the lanes that read them.
        """
        read = []
        for before, now in pairwise(self.active):
            first = max(before[0], now[0] + shift)
            read.append((first, max(first, min(before[1], now[1] + shift))))
        return read, [(first - shift, end - shift) for first, end in read]

    def outside(self, like: Tensor, taps: int) -> Tensor:
        """Mark with 1 where a tap of a pixel in the image reads outside of it, (T·lanes, k)."""
        step = torch.arange(self.steps)[:, None, None]
        lane = torch.arange(self.lanes)[:, None]
        shift = torch.arange(taps) - taps // 2
        read_outside = self._inside(step, lane) & ~self._inside(step - 1, lane + shift)
        return read_outside.flatten(0, 1).to(like)

    def _inside(self, step: Tensor, lane: Tensor) -> Tensor:
        row, column = (lane, step - lane) if self.diagonal else (step, lane)
        height, width = self.size
        return (row >= 0) & (row < height) & (column >= 0) & (column < width)


_fronts = lru_cache(maxsize=64)(_Fronts)
