#!/bin/sh
# Open MPI's mpirun on this host, from the repository's root:
#
#   sh examples/cluster/openmpi.sh [arguments of the program]
#
# On several hosts, add: -H host0:2,host1:2 -x MESHFACTOR_INTERFACE=eth1
set -eu
export MASTER_ADDR="${MASTER_ADDR:-$(hostname)}" MASTER_PORT="${MASTER_PORT:-29500}"
export MESHFACTOR_SECRET="${MESHFACTOR_SECRET:-$(openssl rand -hex 32)}"
exec "${MPIRUN:-mpirun}" -n "${RANKS:-4}" \
  -x MASTER_ADDR -x MASTER_PORT -x MESHFACTOR_SECRET \
  deno run --quiet -P=train examples/hands_on.ts "$@"
