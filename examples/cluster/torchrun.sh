#!/bin/sh
# PyTorch's torchrun, which starts again what has failed. From the repository's root:
#
#   sh examples/cluster/torchrun.sh [arguments of the program]
#
# On several hosts, run it on each with the same MESHFACTOR_SECRET and, instead of --standalone:
#
#   --nnodes 2 --rdzv-backend c10d --rdzv-endpoint host0:29400 --rdzv-id job1
set -eu
export MESHFACTOR_SECRET="${MESHFACTOR_SECRET:-$(openssl rand -hex 32)}"
exec "${TORCHRUN:-torchrun}" --standalone --nproc-per-node "${RANKS:-4}" --max-restarts 0 --no-python \
  deno run --quiet -P=train examples/hands_on.ts "$@"
