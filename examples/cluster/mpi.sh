#!/bin/sh
# Groups over MPI instead of sockets, under the mpirun of Open MPI or MPICH. From the repository's root:
#
#   sh examples/cluster/mpi.sh [arguments of the program]
#
# MPI tells the ranks where rank 0 is, so nothing else is set. On several hosts, add the launcher's list of hosts and, if they
# have several networks, MESHFACTOR_INTERFACE for control messages.
set -eu
export MESHFACTOR_TRANSPORT=mpi
exec "${MPIRUN:-mpirun}" -n "${RANKS:-4}" deno run --quiet -P=train-mpi examples/hands_on.ts "$@"
