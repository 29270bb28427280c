/* tslint:disable */
/* eslint-disable */
export const memory: WebAssembly.Memory;
export const __wbg_engine_free: (a: number, b: number) => void;
export const engine_add: (a: number, b: number) => void;
export const engine_begin: (a: number) => number;
export const engine_begin_all_gather: (a: number, b: number, c: number) => void;
export const engine_begin_all_reduce: (a: number, b: number) => void;
export const engine_begin_barrier: (a: number) => void;
export const engine_begin_broadcast: (a: number, b: number, c: number) => void;
export const engine_begin_reduce_scatter: (a: number, b: number, c: number) => void;
export const engine_bytes_from: (a: number, b: number) => number;
export const engine_bytes_to: (a: number, b: number) => number;
export const engine_end: (a: number) => number;
export const engine_landing: (a: number) => number;
export const engine_landing_address: (a: number) => number;
export const engine_new: (a: number, b: number, c: number) => number;
export const engine_next_receive: (a: number, b: number) => number;
export const engine_next_send: (a: number, b: number) => number;
export const engine_operand_address: (a: number) => number;
export const engine_received: (a: number, b: number, c: number) => number;
export const engine_sent: (a: number, b: number, c: number) => void;
export const reserve: (a: number) => void;
export const __wbindgen_export: (a: number, b: number) => number;
