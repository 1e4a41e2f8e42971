"""An arithmetic coder: whole numbers in, bits out, and back, without rounding.

All that was written is one number in a stretch [low, high). A value narrows the stretch to its own
part of it, as long as the value is probable; a number in a stretch of length L takes -log2 L bits.
Only as many digits are kept as are needed: leading bits on which both ends agree are written, and
where the ends close in on the middle from both sides, that is counted and made good later.

Source: Witten, Neal and Cleary 1987, "Arithmetic coding for data compression".
"""

from bisect import bisect_right
from collections.abc import Sequence

_BITS = 32
_WHOLE, _HALF, _QUARTER = 1 << _BITS, 1 << (_BITS - 1), 1 << (_BITS - 2)


class Encoder:
    """Writes values one after the other."""

    def __init__(self):
        self.low, self.high = 0, _WHOLE
        self.bits = bytearray()  # one byte for each bit
        self.pending = 0  # bits that will be the opposite of the next one

    def write(self, start: int, stop: int, total: int) -> None:
        """Write the value whose part is [start, stop) of [0, total); total is at most 2^30."""
        length = self.high - self.low
        self.low, self.high = self.low + length * start // total, self.low + length * stop // total
        while True:
            if self.high <= _HALF:
                self._emit(0)
            elif self.low >= _HALF:
                self._emit(1)
                self.low, self.high = self.low - _HALF, self.high - _HALF
            elif self.low >= _QUARTER and self.high <= _HALF + _QUARTER:
                self.pending += 1
                self.low, self.high = self.low - _QUARTER, self.high - _QUARTER
            else:
                return
            self.low, self.high = 2 * self.low, 2 * self.high

    def finish(self) -> bytes:
        """Return all that was written; a reader sees zeros behind it."""
        self.pending += 1
        self._emit(int(self.low >= _QUARTER))
        bits = self.bits + bytes(-len(self.bits) % 8)
        return int(bits.translate(_DIGITS) or b"0", 2).to_bytes(len(bits) // 8, "big")

    def _emit(self, bit: int) -> None:
        self.bits.append(bit)
        self.bits.extend(bytes([1 - bit]) * self.pending)
        self.pending = 0


_DIGITS = bytes.maketrans(b"\x00\x01", b"01")


class Decoder:
    """Reads what an `Encoder` wrote, asked with the same parts in the same order."""

    def __init__(self, code: bytes):
        self.code, self.place = code, 0
        self.low, self.high = 0, _WHOLE
        self.number = 0
        for _ in range(_BITS):
            self.number = 2 * self.number + self._bit()

    def read(self, edges: Sequence[int]) -> int:
        """Return which of the parts [edges[v], edges[v + 1]) was written.

        Raises:
            EOFError: the code has ended; so many values of these parts were never written.
        """
        length, total = self.high - self.low, edges[-1]
        at = ((self.number - self.low + 1) * total - 1) // length
        value = bisect_right(edges, at) - 1
        start, stop = edges[value], edges[value + 1]
        self.low, self.high = self.low + length * start // total, self.low + length * stop // total
        while True:
            if self.high <= _HALF:
                shift = 0
            elif self.low >= _HALF:
                shift = _HALF
            elif self.low >= _QUARTER and self.high <= _HALF + _QUARTER:
                shift = _QUARTER
            else:
                return value
            self.low, self.high = 2 * (self.low - shift), 2 * (self.high - shift)
            self.number = 2 * (self.number - shift) + self._bit()

    def _bit(self) -> int:
        byte, bit = divmod(self.place, 8)
        self.place += 1
        if byte < len(self.code):
            return self.code[byte] >> (7 - bit) & 1
        if self.place > 8 * len(self.code) + _BITS:  # a reader is at most so far ahead
            raise EOFError("the code ends before all values are read")
        return 0
