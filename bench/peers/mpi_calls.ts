// Calls of the MPI that this process was started by which the transport does not make, by FFI.

import { setImmediate } from "node:timers";

/** A call that has begun. */
export class Request {
  readonly handle = new Int32Array(2);

  /** Polls as the transport does. */
  ended(): Promise<void> {
    if (this.#hasEnded()) return Promise.resolve();
    const since = performance.now();
    return new Promise((resolve) => {
      const turn = () => {
        if (this.#hasEnded()) return resolve();
        if (performance.now() - since > SPIN_MS) Atomics.wait(sleeper, 0, 0, PAUSE_MS);
        setImmediate(turn);
      };
      setImmediate(turn);
    });
  }

  #hasEnded(): boolean {
    mpi.calls.MPI_Test(this.handle, flag, isOpenMpi ? 0 : 1);
    return flag[0] !== 0;
  }
}

type Bytes = Uint8Array | Float32Array | Int32Array;
type Handle = number | Deno.PointerValue;
type Count = Int32Array;

function library() {
  const path = isOpenMpi ? "libmpi.so.40" : "libmpich.so.12";
  if (!isOpenMpi) {
    const constants = { world: 0x44000000, byte: 0x4c00010d, float: 0x4c00040a, sum: 0x58000003 };
    return { ...constants, calls: open(path, "i32") };
  }
  const { symbols } = Deno.dlopen(path, {
    ompi_mpi_comm_world: { type: "pointer" },
    ompi_mpi_byte: { type: "pointer" },
    ompi_mpi_float: { type: "pointer" },
    ompi_mpi_op_sum: { type: "pointer" },
  });
  return {
    world: symbols.ompi_mpi_comm_world,
    byte: symbols.ompi_mpi_byte,
    float: symbols.ompi_mpi_float,
    sum: symbols.ompi_mpi_op_sum,
    calls: open(path, "pointer"),
  };
}

interface Calls {
  readonly MPI_Iallgather: (
    ...args: [Bytes, number, Handle, Bytes, number, Handle, Handle, Int32Array]
  ) => number;
  readonly MPI_Iallgatherv: (
    ...args: [Bytes, number, Handle, Bytes, Count, Count, Handle, Handle, Int32Array]
  ) => number;
  readonly gatherInPlace: (
    ...args: [bigint, number, Handle, Bytes, Count, Count, Handle, Handle, Int32Array]
  ) => number;
  readonly MPI_Ialltoallv: (
    ...args: [
      ...[Bytes, Count, Count, Handle, Bytes, Count, Count, Handle],
      ...[Handle, Int32Array],
    ]
  ) => number;
  readonly MPI_Allreduce: (...args: [Bytes, Bytes, number, Handle, Handle, Handle]) => number;
  readonly MPI_Test: (request: Int32Array, flag: Int32Array, status: number) => number;
}

function open(path: string, handle: "pointer" | "i32"): Calls {
  const [bytes, int] = ["buffer", "i32"] as const;
  const gather = [int, handle, bytes, bytes, bytes, handle, handle, bytes] as const;
  const symbols = {
    MPI_Iallgather: {
      parameters: [bytes, int, handle, bytes, int, handle, handle, bytes],
      result: int,
    },
    MPI_Iallgatherv: { parameters: [bytes, ...gather], result: int },
    gatherInPlace: { name: "MPI_Iallgatherv", parameters: ["i64", ...gather], result: int },
    MPI_Ialltoallv: {
      parameters: [bytes, bytes, bytes, handle, bytes, bytes, bytes, handle, handle, bytes],
      result: int,
    },
    MPI_Allreduce: { parameters: [bytes, bytes, int, handle, handle, handle], result: int },
    MPI_Test: { parameters: [bytes, bytes, int], result: int },
  } as const;
  return Deno.dlopen(path, symbols).symbols as unknown as Calls;
}

/** Whether the launcher is Open MPI's; else it is MPICH's. */
export const isOpenMpi = Deno.env.has("OMPI_COMM_WORLD_SIZE");
/** The calls, and handles. */
export const mpi = library();
const flag = new Int32Array(1);
const sleeper = new Int32Array(new SharedArrayBuffer(4));
/** As the transport polls (src/distributed/wire/mpi/progress.ts). */
const SPIN_MS = 0.03;
const PAUSE_MS = 0.01;
