/**
 * Ranks: how processes find each other, the mesh that they form, its groups with their collectives, and layouts of tensors
 * that are split over them.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { launch, ProcessGroupMesh } from "@meshfactor/adafactor/distributed";
 *
 * // A job of one rank; under the launcher it is launchFromEnv().
 * await using world = await launch({ rank: 0, worldSize: 1, host: "127.0.0.1", port: 29500 });
 * await using mesh = new ProcessGroupMesh(1, 1);
 * const group = await mesh.getGroupAlongAxis(0);
 * const values = new Float32Array([1, 2]);
 * await group.allReduce(values); // the sum over the group's ranks
 * assert.deepEqual(values, new Float32Array([1, 2]));
 * ```
 *
 * @module
 */

export type { Compared } from "./agreement.ts";
export { launch, launchFromEnv } from "./launch.ts";
export type { MpiOptions } from "./mpi_launch.ts";
export type { Transport } from "./wire/control_message.ts";
export type { World } from "./world.ts";
export type { WorldOptions } from "./membership/world_options.ts";
export type { Integrity } from "./wire/session.ts";
export type { TlsIdentity } from "./wire/tls.ts";
export type { Dump, GroupDump } from "./records/dump.ts";
export type { CallRecord, CallState } from "./records/call_recorder.ts";
export type { MessageRecord } from "./records/message_recorder.ts";
export { PeerLostError } from "./failures/failure.ts";
export { type Axes, type Indices, ProcessGroupMesh, type RavelMode } from "./mesh.ts";
export type {
  AllToAllOptions,
  CallOptions,
  Elements,
  GroupCounters,
  ProcessGroup,
  ReduceOptions,
} from "./group.ts";
export type { AlgorithmOptions, TabledOp } from "./calls/algorithm_table.ts";
export type { Dtype, ElementType, Reduction } from "./wire/call_kind.ts";
export {
  Layout,
  type LayoutOptions,
  type Range,
  type ShardingGroup,
  shardRange,
  type Split,
  unitRange,
} from "./layout.ts";
