#!/usr/bin/env bash
# Train one of the models that ship, on a GPU, in parts of under nine minutes.
#
#   benchmarks/gpu/train.sh binarized-mnist-diagonal-bilstm
#
# Says "not finished" (and exits with 75) when its time is over: run the same line again, on the same
# machine or on another that has the folder runs/NAME, and it goes on where it stopped. When it is
# finished, `python benchmarks/publish.py runs/NAME NAME --machine "…"` makes the run a model that
# ships; that part needs no GPU.
#
# Needs PyTorch, NumPy, tqdm and safetensors, and the image sets in the folder PIXELEDU_DATA.
# RUNS is where the runs are kept (runs), LIMIT the seconds of a part (500). REHEARSE=1 does the same
# with a tiny model on a bundled image set, to see on any machine that everything is in place.
set -eu
here=$(cd "$(dirname "$0")/../.." && pwd)
name=${1:?say which model: one of the names in this script, such as binarized-mnist-pixelcnn}

case $name in
  binarized-mnist-pixelcnn)        flags='--model pixelcnn --hidden 64 --layers 15 --epochs 60' ;;
  binarized-mnist-row-lstm)        flags='--model mnist-row-lstm --epochs 80' ;;
  binarized-mnist-diagonal-bilstm) flags='--model mnist-diagonal-bilstm-7 --epochs 80' ;;
  binarized-mnist-diagonal-bilstm-1) flags='--model mnist-diagonal-bilstm-1 --epochs 80' ;;
  binarized-mnist-gated-pixelcnn)  flags='--model gated-pixelcnn --hidden 64 --layers 9 --epochs 60' ;;
  mnist16-pixelcnn)        flags='--model pixelcnn --hidden 24 --layers 7 --epochs 60' ;;
  mnist16-row-lstm)        flags='--model row-lstm --hidden 16 --layers 4 --epochs 60' ;;
  mnist16-diagonal-bilstm) flags='--model diagonal-bilstm --hidden 16 --layers 4 --epochs 60' ;;
  mnist16-gated-pixelcnn)  flags='--model gated-pixelcnn --hidden 16 --layers 3 --epochs 60' ;;
  cifar10-pixelcnn)        flags='--model pixelcnn --levels 256 --hidden 96 --layers 12 --epochs 30' ;;
  cifar10-row-lstm)        flags='--model cifar10-row-lstm --hidden 48 --epochs 20' ;;
  cifar10-diagonal-bilstm) flags='--model cifar10-diagonal-bilstm --hidden 48 --epochs 20' ;;
  cifar10-gated-pixelcnn)  flags='--model gated-pixelcnn --levels 256 --hidden 96 --layers 12 --epochs 30' ;;
  *) echo "unknown model $name: see the list in $0" >&2; exit 2 ;;
esac
case $name in
  binarized-mnist-*) data='--data binarized-mnist --batch-size 100' ;;
  mnist16-*)         data='--data mnist --levels 16 --batch-size 100' ;;
  cifar10-*)         data='--data cifar10 --batch-size 64' ;;
esac
if [ -n "${REHEARSE:-}" ]; then
  data='--data digits --levels 17'
  flags="$flags --hidden 3 --layers 1 --epochs ${REHEARSE}"
fi

export PYTHONPATH=$here${PYTHONPATH:+:$PYTHONPATH}
run=${RUNS:-runs}/$name
status=0
# shellcheck disable=SC2086  # the flags are words
timeout --signal=INT --kill-after=20 "${LIMIT:-500}" \
  python3 -m pixeledu train $flags $data --learning-rate 3e-3 --checkpoint-every 100 --out "$run" || status=$?
case $status in
  0) echo "$name is finished: $run" ;;
  124 | 130 | 137) echo "$name is not finished: run the same again"; exit 75 ;;
  *) exit "$status" ;;
esac
