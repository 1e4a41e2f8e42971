"""The LSTM scan under both recurrent layers, with its gradient written by hand.

A scan goes through an image in fronts, one after the other: the rows (Row LSTM) or the diagonals
(Diagonal BiLSTM). The pixels of a front stand in `lanes` and are computed at once; the lanes are the
columns of a row, or the rows that a diagonal crosses. From the input of a pixel, and from the hidden
states that k neighbouring lanes had one front before:

    o, f, i, g = σ(z_o), σ(z_f), σ(z_i), tanh(z_g)    with z = input + K ⊛ h_before
    c = f · c_before + i · g
    h = o · tanh(c)

Autograd would record some thirty small operations for each front, and multiply out the gradient of K
at each of them. Here one function holds the whole scan: it keeps the gates, goes back through the
fronts once, and multiplies out the gradient of K for all of them together.
"""

from collections.abc import Iterator
from functools import lru_cache
from itertools import accumulate

import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable


def row_scan(
    inputs: Tensor, weight: Tensor, outside_hidden: Tensor, outside_memory: Tensor
) -> Tensor:
    """Let an LSTM go down the rows of an image; see `layers.row_lstm.row_scan`."""
    outside = outside_hidden[None], outside_memory[None]
    return scan(inputs[:, None], weight[None], *outside, diagonal=False).squeeze(1)


def diagonal_scan(
    inputs: Tensor, weight: Tensor, outside_hidden: Tensor, outside_memory: Tensor
) -> Tensor:
    """Let two LSTMs cross an image; see `layers.diagonal_bilstm.diagonal_scan`."""
    return scan(inputs, weight, outside_hidden, outside_memory, diagonal=True)


def scan(inputs: Tensor, weight: Tensor, hidden: Tensor, memory: Tensor, diagonal: bool) -> Tensor:
    """Run an LSTM over images, front by front, in D directions that know nothing of each other.

    Direction 0 begins at the upper left. Direction 1, if there is one, begins at the upper right:
    it does the same on mirrored images, and its result is mirrored back.

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
        fronts = _fronts(height, width, k, batch, diagonal)
        weight = taps.flatten(2).transpose(1, 2).clone(memory_format=torch.contiguous_format)
        z = inputs.new_empty(directions, fronts.cells, 4 * size)
        read = inputs.new_empty(directions, fronts.cells, k * size)
        tanh_c = inputs.new_empty(directions, fronts.cells, size)
        # Around the states of each front stand those of pixels outside the image.
        h = hidden[:, None].repeat(1, fronts.padded_cells, 1)
        c2 = 2 * memory[:, None].repeat(1, fronts.padded_cells, 1)  # 2c

        fronts.load(_walkable(inputs), z)
        # tanh(z) = 2σ(2z) - 1: on many CPUs a sigmoid costs a fraction of a tanh. So it is 2z that is
        # computed for g, and 2c that is kept.
        weight[..., 3 * size :] *= 2
        z[..., 3 * size :] *= 2
        minus_one = inputs.new_full((1,), -1)
        for taken, read_, z_, o, f, i, g, c2_before, c2_, tanh_, h_ in zip(
            fronts.taken(h),
            fronts.each(read),
            fronts.each(z),
            *map(fronts.each, z.chunk(4, dim=2)),
            fronts.continued(c2),
            fronts.inside(c2),
            fronts.each(tanh_c),
            fronts.inside(h),
            strict=True,
        ):
            torch.cat(taken, dim=2, out=read_)
            z_.baddbmm_(read_, weight).sigmoid_()
            torch.add(minus_one, g, alpha=2, out=g)
            torch.mul(f, c2_before, out=c2_).addcmul_(i, g, value=2)  # c = f · c_before + i · g
            torch.sigmoid(c2_, out=tanh_)
            torch.add(minus_one, tanh_, alpha=2, out=tanh_)
            torch.mul(o, tanh_, out=h_)  # h = o · tanh(c)

        images = _new_images(inputs, size)  # (B, D, h, H, W)
        fronts.store(h, images)
        ctx.save_for_backward(taps, z, read, c2, tanh_c)
        ctx.fronts = fronts
        return images

    @staticmethod
    @once_differentiable
    def backward(ctx, gradient: Tensor):
        taps, z, read, c2, tanh_c = ctx.saved_tensors
        fronts, (k, size) = ctx.fronts, taps.shape[2:]
        back = taps.flatten(2)  # (D, 4h, k·h)
        dz, slope = _slopes(z, torch.cat(fronts.continued(c2), dim=1).mul_(0.5), tanh_c)
        dh, dc = torch.zeros_like(c2), torch.zeros_like(c2)
        fronts.load(_walkable(gradient), dh)
        every_front = zip(
            fronts.inside(dh),
            fronts.inside(dc),
            fronts.each(slope),
            fronts.each(z[..., size : 2 * size]),
            fronts.continued(dc),
            fronts.each(dz),
            fronts.taken(dh),
            strict=True,
        )
        for dh_, dc_, slope_, f, dc_before, dz_, taken in reversed(list(every_front)):
            dc_.addcmul_(dh_, slope_)
            torch.mul(dc_, f, out=dc_before)
            dz_.mul_(torch.cat([dh_, dc_, dc_, dc_], dim=2))
            for source, target in zip(torch.bmm(dz_, back).chunk(k, dim=2), taken, strict=True):
                target.add_(source)

        d_inputs = _new_images(gradient, 4 * size)
        fronts.store(dz, d_inputs)
        d_weight = dz.transpose(1, 2) @ read  # (D, 4h, k·h)
        outside = fronts.outside(dh)  # (padded cells,)
        return d_inputs, d_weight.unflatten(2, (k, size)), outside @ dh, outside @ dc, None


def _slopes(z: Tensor, c_before: Tensor, tanh_c: Tensor) -> tuple[Tensor, Tensor]:
    """Compute what does not depend on the way back, for all fronts at once.

    Returns:
        For each gate what its gradient is to be multiplied with, (D, cells, 4h): for o it is dh, for
        the others dc. And the derivative of h with respect to c, (D, cells, h).
    """
    o, _, i, g = z.chunk(4, dim=2)
    # tanh(c) · o · (1 - o) and c_before · f · (1 - f) and g · i · (1 - i); the last is overwritten
    slopes = torch.cat([tanh_c, c_before, g, i], dim=2)
    _sigmoid_backward(slopes, z, grad_input=slopes)
    _tanh_backward(i, g, grad_input=slopes.chunk(4, dim=2)[3])  # i · (1 - g²)
    return slopes, _tanh_backward(o, tanh_c, grad_input=torch.empty_like(tanh_c))


_sigmoid_backward = torch.ops.aten.sigmoid_backward.grad_input
_tanh_backward = torch.ops.aten.tanh_backward.grad_input


class _Fronts:
    """Where the fronts of a scan lie, in images and in buffers, and what each takes from the last.

    A buffer holds the pixels front by front: `cells` places, the lanes of all fronts times the
    batch. In a padded buffer `reach` lanes outside the image stand on both sides of each front, and
    one more front, all of it outside, stands before the first.

    Making views one by one would cost as much as the arithmetic. So a buffer is split at once; the
    lists of sizes are made beforehand and hold gap, front, gap, front, …, gap.
    """

    def __init__(self, height: int, width: int, k: int, batch: int, diagonal: bool):
        self.size, self.batch, self.diagonal = (height, width), batch, diagonal
        steps = range(height + width - 1 if diagonal else height)
        # The lanes whose pixel lies in the image.
        self.first = [max(0, step - width + 1) if diagonal else 0 for step in steps]
        end = [min(height, step + 1) if diagonal else width for step in steps]
        self.lanes = [last - first for first, last in zip(self.first, end, strict=True)]
        self.cells = height * width * batch

        self.mark: Tensor | None = None  # what `outside` has made, on the CPU
        self.reach = reach = k // 2
        padded = [lanes + 2 * reach for lanes in self.lanes]
        starts = list(accumulate([padded[0], *padded]))  # of each padded front, and the end
        self.padded_lanes, self.padded_cells = starts[-1], starts[-1] * batch
        self.own = self._sizes([start + reach for start in starts[:-1]])
        moved = [now - then for now, then in zip(self.first, [0, *self.first[:-1]], strict=True)]
        before = [start + lane for start, lane in zip([0, *starts[:-2]], moved, strict=True)]
        self.reads = [self._sizes([start + tap for start in before]) for tap in range(k)]
        self.continues = self._sizes([start + reach for start in before])

    def _sizes(self, starts: list[int]) -> list[int]:
        sizes, at = [], 0
        for start, lanes in zip(starts, self.lanes, strict=True):
            sizes += [start - at, lanes]
            at = start + lanes
        return [*sizes, self.padded_lanes - at]

    def each(self, buffer: Tensor) -> tuple[Tensor, ...]:
        """Cut a buffer into fronts, (D, lanes·B, …) each."""
        return buffer.split([lanes * self.batch for lanes in self.lanes], dim=1)

    def inside(self, padded: Tensor) -> tuple[Tensor, ...]:
        """Cut the fronts out of a padded buffer, (D, lanes·B, …) each."""
        return self._ranges(padded, self.own)

    def continued(self, padded: Tensor) -> tuple[Tensor, ...]:
        """Cut out the memories that each front continues, (D, lanes·B, …) each."""
        return self._ranges(padded, self.continues)

    def taken(self, padded: Tensor) -> Iterator[tuple[Tensor, ...]]:
        """Cut out what each front reads with each tap: k of (D, lanes·B, …) each."""
        return zip(*(self._ranges(padded, sizes) for sizes in self.reads), strict=True)

    def _ranges(self, padded: Tensor, sizes: list[int]) -> tuple[Tensor, ...]:
        if self.diagonal:
            return padded.split([lanes * self.batch for lanes in sizes], dim=1)[1::2]
        # Rows are all alike, so that each gap but the first is what one row lacks of the next.
        height, width = self.size
        directions, cells, features = padded.shape
        rows = padded.view(directions, height + 1, cells // (height + 1), features)
        first, lane = divmod(sizes[0], width + 2 * self.reach)
        columns = slice(lane * self.batch, (lane + width) * self.batch)
        return rows[:, first : first + height, columns].unbind(1)

    def load(self, images: Tensor, buffer: Tensor) -> None:
        """Copy images (B, D, features, H, W) into a buffer, padded or not."""
        for in_images, in_buffer in self._matched(images, buffer):
            in_buffer.copy_(in_images)

    def store(self, buffer: Tensor, images: Tensor) -> None:
        """Copy a buffer, padded or not, into images (B, D, features, H, W)."""
        for in_images, in_buffer in self._matched(images, buffer):
            in_images.copy_(in_buffer)

    def _matched(self, images: Tensor, buffer: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
        """Find the same pixels in images and in a buffer, as views of the same shape."""
        batch, directions, features, height, width = images.shape
        padded = buffer.shape[1] != self.cells
        lanes = self.padded_lanes if padded else height * width
        buffer = buffer.view(directions, lanes, batch, features)
        if not self.diagonal:
            rows = buffer.unflatten(1, (height + padded, -1))  # (1, H, W, B, features)
            if padded:
                rows = rows[:, 1:, self.reach : self.reach + width]
            yield images.permute(1, 3, 4, 0, 2), rows
            return
        # In a diagonal the next pixel lies one row down and one column back. So it needs no skewed
        # copy of the images: walking through their memory in other strides is enough.
        image, direction, feature, down, right = images.stride()
        fronts = buffer.split(self.own, dim=1)[1::2] if padded else buffer.split(self.lanes, dim=1)
        for step, (first, front) in enumerate(zip(self.first, fronts, strict=True)):
            start = images.storage_offset() + first * down + (step - first) * right
            # In the mirror, columns count from the right.
            mirrored = start + direction + (width - 1 - 2 * (step - first)) * right
            places = [(start, down - right), (mirrored, down + right)]
            for (at, along), in_buffer in zip(places, front, strict=True):
                strides = (max(0, along), image, feature)
                yield images.as_strided(in_buffer.shape, strides, at), in_buffer

    def outside(self, like: Tensor) -> Tensor:
        """Mark with 1 the places of a padded buffer that lie outside the image."""
        if self.mark is None:
            mark = torch.ones(1, self.padded_cells, 1)
            for front in self.inside(mark):
                front.zero_()
            self.mark = mark[0, :, 0]
        return self.mark.to(like)  # a copy on a GPU lives no longer than it is needed


_fronts = lru_cache(maxsize=64)(_Fronts)


def _walkable(images: Tensor) -> Tensor:
    """Return images in whose memory the next row is no nearer than the next column."""
    return images if images.stride(3) >= images.stride(4) else images.contiguous()


def _new_images(like: Tensor, features: int) -> Tensor:
    """Make images (B, D, features, H, W) whose features lie side by side, as convolutions like it."""
    batch, directions, _, height, width = like.shape
    return like.new_empty(batch, height, width, directions, features).permute(0, 3, 4, 1, 2)
