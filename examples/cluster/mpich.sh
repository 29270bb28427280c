#!/bin/sh
# MPICH's mpirun (Hydra) on this host, from the repository's root:
#
#   sh examples/cluster/mpich.sh [arguments of the program]
#
# On several hosts, add: -hosts host0:2,host1:2 -genv MESHFACTOR_INTERFACE eth1
set -eu
export MASTER_ADDR="${MASTER_ADDR:-$(hostname)}" MASTER_PORT="${MASTER_PORT:-29500}"
export MESHFACTOR_SECRET="${MESHFACTOR_SECRET:-$(openssl rand -hex 32)}"
exec "${MPIRUN:-mpirun}" -n "${RANKS:-4}" \
  -genvlist PATH,HOME,MASTER_ADDR,MASTER_PORT,MESHFACTOR_SECRET \
  deno run --quiet -P=train examples/hands_on.ts "$@"
