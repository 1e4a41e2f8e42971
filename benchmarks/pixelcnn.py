"""How fast the PixelCNN samples and trains, on the CPU: `python benchmarks/pixelcnn.py`.

Three tables: sampling in units of one forward pass of the same batch (1 is the limit, a naive
sampler pays one for each pixel), a training step beside the same network written with full masked
kernels, and the memory of cached sampling for images of growing height.
"""

import resource
import statistics
import subprocess
import sys
from pathlib import Path

import timing
import torch
import torch.nn.functional as F
from drawing import sampling
from torch import nn

from pixeledu import PixelCNN, sample

SIZE = 28
CONFIG = {"channels": 1, "levels": 2, "hidden": 64, "layers": 7}


def main() -> None:
    timing.calm()
    torch.manual_seed(0)
    drawn = [sampling(PixelCNN(**CONFIG), images, SIZE) for images in (1, 16)]
    timing.report("pixelcnn_sampling", drawn, config=CONFIG, size=SIZE)
    print()
    timing.report("pixelcnn_training", [training(16)], config=CONFIG, size=SIZE)
    print()
    heights = [memory(height) for height in (32, 64, 256)]
    timing.report("pixelcnn_sampling_memory", heights, config=CONFIG, width=32, images=16)


class FullMaskedConv2d(nn.Conv2d):
    """The masked convolution as it is usually written: whole kernel, masked in forward."""

    def __init__(self, layer):
        out_features, in_features, rows, width = layer.weight.shape
        height = 2 * rows - 1
        super().__init__(in_features, out_features, (height, width), padding="same")
        mask = F.pad(layer.mask.float(), (0, 0, 0, rows - 1))
        self.register_buffer("mask", mask)
        with torch.no_grad():
            self.weight.copy_(F.pad(layer.weight, (0, 0, 0, rows - 1)))
            self.bias.copy_(layer.bias)

    def forward(self, x):
        return F.conv2d(x, self.weight * self.mask, self.bias, padding=self.padding)


class FullMaskedPixelCNN(nn.Module):
    """The same network and weights as `model`, in the usual way and the usual memory layout."""

    def __init__(self, model):
        super().__init__()
        self.first = FullMaskedConv2d(model.first)
        self.blocks = nn.ModuleList(
            nn.Sequential(
                nn.ReLU(),
                FullMaskedConv2d(block.reduce),
                nn.ReLU(),
                FullMaskedConv2d(block.convolve),
                nn.ReLU(),
                FullMaskedConv2d(block.expand),
            )
            for block in model.blocks
        )
        self.head = nn.Sequential(
            nn.ReLU(),
            FullMaskedConv2d(model.head.mix),
            nn.ReLU(),
            FullMaskedConv2d(model.head.predict),
        )

    def forward(self, images):
        x = self.first(images.float() * 2 - 1)
        for block in self.blocks:
            x = x + block(x)
        return self.head(x).unsqueeze(2)  # (B, levels, 1, H, W)


def training(images: int) -> dict:
    """Time a training step of ours and of the usual form, on the same batch and optimiser."""
    ours = PixelCNN(**CONFIG)
    usual = FullMaskedPixelCNN(ours)
    batch = torch.randint(2, (images, 1, SIZE, SIZE))
    with torch.no_grad():
        same = torch.allclose(ours(batch), usual(batch), atol=1e-4)

    steps = {"ours": timing.stepper(ours, batch), "usual": timing.stepper(usual, batch)}
    seconds = timing.rounds(15, **steps)
    median = statistics.median(seconds["ours"])
    return {
        "images": images,
        "ours ms": 1000 * median,
        "full masked kernels, NCHW ms": 1000 * statistics.median(seconds["usual"]),
        "usual / ours": timing.ratio(seconds["usual"], seconds["ours"]),
        "images/s": images / median,
        "same logits": same,
    }


def memory(height: int) -> dict:
    """Measure the peak memory of cached sampling in a process of its own."""
    command = [sys.executable, __file__, "--memory-of", str(height)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    before, after = map(int, done.stdout.split())
    return {
        "height": height,
        "peak before sampling MB": before / 1024,
        "sampling adds MB": (after - before) / 1024,
    }


def _print_memory_of(height: int) -> None:
    model = PixelCNN(**CONFIG)
    sample(model, 1, 2, 32)  # what the libraries allocate once
    before = _peak()
    sample(model, 16, height, 32)
    print(before, _peak())


def _peak() -> int:
    """Return the peak memory of this process in KiB."""
    status = Path("/proc/self/status")
    if status.exists():  # on Linux ru_maxrss would begin at the peak of the process that started us
        return int(status.read_text().split("VmHWM:")[1].split()[0])
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak // 1024 if sys.platform == "darwin" else peak  # macOS counts bytes


if __name__ == "__main__":
    if sys.argv[1:2] == ["--memory-of"]:
        _print_memory_of(int(sys.argv[2]))
    else:
        main()
