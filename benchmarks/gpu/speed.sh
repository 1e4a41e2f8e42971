#!/usr/bin/env bash
# Measure how fast the models train or draw on a GPU, in under nine minutes a table.
#
#   benchmarks/gpu/speed.sh train forms         benchmarks/gpu/speed.sh sample methods
#   benchmarks/gpu/speed.sh train growth        benchmarks/gpu/speed.sh sample growth
#   benchmarks/gpu/speed.sh imagenet step
#
# Writes results/train_forms_cuda.json and so on, after each model; models that no time is left for
# are missing: `--models NAME …` behind it measures these alone and keeps the rows of the others.
# `--rehearse` does the same with tiny models on the processor, to see that everything is in place.
#
# Needs PyTorch and NumPy. OUT is the folder of the results (pixeledu/measured), LIMIT the seconds
# after which it is stopped (520).
set -eu
here=$(cd "$(dirname "$0")/../.." && pwd)
case "${1:-} ${2:-}" in
  'train forms' | 'train growth' | 'sample methods' | 'sample growth')
    set -- "$here/benchmarks/$1_speed.py" "$2" --minutes 6 "${@:3}" ;;
  'imagenet step')
    set -- "$here/benchmarks/imagenet_step.py" "${@:3}" ;;
  *) echo "say what to measure: one of the five lines in $0" >&2; exit 2 ;;
esac
device=cuda
for word; do
  if [ "$word" = --rehearse ]; then device=cpu; fi
done
if [ -n "${OUT:-}" ]; then set -- "$@" --out "$OUT"; fi

export PYTHONPATH=$here${PYTHONPATH:+:$PYTHONPATH}
exec timeout --signal=INT --kill-after=10 "${LIMIT:-520}" python3 "$@" --device $device
