// MPI's C functions, called from Deno without a shim. Implementations differ in what a handle is and in a few constants:
//
//                           handles                                               any source   status to ignore
//   Open MPI 4, 5           addresses of the library's own variables, 8 bytes         -1               0
//   MPICH and its kin       numbers of 4 bytes                                        -2               1
//   the standard ABI        numbers of 8 bytes (MPI 5.0, section 20)                  -1               0
//
// A static of type "pointer" has the address of a variable. All calls return at once, except Init and Finalize, which wait for
// the other processes.

/** The functions that the transport uses; all return an error code. Handles are passed as the implementation has them. */
export interface MpiCalls {
  readonly MPI_Init: (argc: number, argv: number) => number;
  readonly MPI_Initialized: (flag: Int32Array) => number;
  readonly MPI_Finalize: () => number;
  readonly MPI_Abort: (comm: Handle, code: number) => number;
  readonly MPI_Comm_rank: (comm: Handle, rank: Int32Array) => number;
  readonly MPI_Comm_size: (comm: Handle, size: Int32Array) => number;
  readonly MPI_Comm_set_errhandler: (comm: Handle, handler: Handle) => number;
  readonly MPI_Error_string: (code: number, text: Uint8Array, length: Int32Array) => number;
  readonly MPI_Get_library_version: (text: Uint8Array, length: Int32Array) => number;
  readonly MPI_Iallgather: (
    ...args: [Uint8Array, number, Handle, Uint8Array, number, Handle, Handle, Int32Array]
  ) => number;
  readonly MPI_Ibarrier: (comm: Handle, request: Int32Array) => number;
  readonly MPI_Isend: (
    ...args: [Uint8Array, number, Handle, number, number, Handle, Int32Array]
  ) => number;
  readonly MPI_Irecv: (
    ...args: [Uint8Array, number, Handle, number, number, Handle, Int32Array]
  ) => number;
  readonly MPI_Iprobe: (
    ...args: [number, number, Handle, Int32Array, Uint8Array]
  ) => number;
  readonly MPI_Test: (request: Int32Array, flag: Int32Array, status: number) => number;
  readonly MPI_Get_count: (status: Uint8Array, type: Handle, count: Int32Array) => number;
}

/** A communicator, datatype or error handler. */
export type Handle = number | Deno.PointerValue;

/** A loaded library, with its constants. */
export interface MpiLibrary {
  /** The file that was loaded. */
  readonly path: string;
  readonly calls: MpiCalls;
  readonly world: Handle;
  readonly byte: Handle;
  readonly errorsReturn: Handle;
  readonly anySource: number;
  readonly statusIgnore: number;
}

/**
 * Loads the first library that exists among `paths`.
 *
 * @throws {Error} that lists what was tried, if none can be loaded; Deno.errors.NotCapable without the permission.
 */
export function loadMpi(paths: readonly string[]): MpiLibrary {
  const failures: string[] = [];
  for (const path of paths) {
    try {
      return load(path);
    } catch (cause) {
      if (cause instanceof Deno.errors.NotCapable) {
        throw new Deno.errors.NotCapable(
          `MPI is called by FFI, which needs a permission: run with -P=train-mpi or --allow-ffi (${cause.message})`,
          { cause },
        );
      }
      failures.push(`${path}: ${cause instanceof Error ? cause.message : cause}`);
    }
  }
  throw new Error(
    `No MPI library can be loaded: install Open MPI or MPICH, or name the file in MESHFACTOR_MPI_LIBRARY; tried\n  ${
      failures.join("\n  ")
    }`,
  );
}

function load(path: string): MpiLibrary {
  if (/mpi_abi/.test(path)) return { path, ...STANDARD_ABI, calls: open(path, "u64") };
  const openMpi = openMpiHandles(path);
  if (openMpi !== undefined) return { path, ...openMpi, calls: open(path, "pointer") };
  return { path, ...MPICH, calls: open(path, "i32") };
}

/** The handles of Open MPI; undefined if the library is another one. */
function openMpiHandles(path: string): Omit<MpiLibrary, "path" | "calls"> | undefined {
  const { symbols } = Deno.dlopen(path, {
    ompi_mpi_comm_world: { type: "pointer", optional: true },
    ompi_mpi_byte: { type: "pointer", optional: true },
    ompi_mpi_errors_return: { type: "pointer", optional: true },
  });
  const [world, byte, errorsReturn] = [
    symbols.ompi_mpi_comm_world,
    symbols.ompi_mpi_byte,
    symbols.ompi_mpi_errors_return,
  ];
  if (!world || !byte || !errorsReturn) return undefined;
  return { world, byte, errorsReturn, anySource: -1, statusIgnore: 0 };
}

const MPICH = {
  world: 0x44000000,
  byte: 0x4c00010d,
  errorsReturn: 0x54000001,
  anySource: -2,
  statusIgnore: 1,
};
const STANDARD_ABI = {
  world: 0x101,
  byte: 0x247,
  errorsReturn: 0x143,
  anySource: -1,
  statusIgnore: 0,
};

/** The functions, with handles of the type `handle`. */
function open(path: string, handle: "pointer" | "i32" | "u64"): MpiCalls {
  const [buffer, int] = ["buffer", "i32"] as const;
  const message = {
    parameters: [buffer, int, handle, int, int, handle, buffer],
    result: int,
  } as const;
  return Deno.dlopen(path, {
    MPI_Init: { parameters: ["usize", "usize"], result: int },
    MPI_Initialized: { parameters: [buffer], result: int },
    MPI_Finalize: { parameters: [], result: int },
    MPI_Abort: { parameters: [handle, int], result: int },
    MPI_Comm_rank: { parameters: [handle, buffer], result: int },
    MPI_Comm_size: { parameters: [handle, buffer], result: int },
    MPI_Comm_set_errhandler: { parameters: [handle, handle], result: int },
    MPI_Error_string: { parameters: [int, buffer, buffer], result: int },
    MPI_Get_library_version: { parameters: [buffer, buffer], result: int },
    MPI_Iallgather: {
      parameters: [buffer, int, handle, buffer, int, handle, handle, buffer],
      result: int,
    },
    MPI_Ibarrier: { parameters: [handle, buffer], result: int },
    MPI_Isend: message,
    MPI_Irecv: message,
    MPI_Iprobe: { parameters: [int, int, handle, buffer, buffer], result: int },
    MPI_Test: { parameters: [buffer, buffer, "usize"], result: int },
    MPI_Get_count: { parameters: [buffer, handle, buffer], result: int },
  }).symbols as unknown as MpiCalls;
}
