/* tslint:disable */
/* eslint-disable */
export const memory: WebAssembly.Memory;
export const __wbg_engine_free: (a: number, b: number) => void;
export const engine_begin: (a: number) => number;
export const engine_begin_collective: (a: number, b: number, c: number, d: number, e: number, f: number, g: number) => void;
export const engine_bytes_from: (a: number, b: number) => number;
export const engine_bytes_to: (a: number, b: number) => number;
export const engine_counts_address: (a: number) => number;
export const engine_end: (a: number) => number;
export const engine_fold: (a: number) => void;
export const engine_folded_address: (a: number) => number;
export const engine_landing_address: (a: number) => number;
export const engine_new: (a: number, b: number, c: number) => number;
export const engine_next_fold: (a: number) => number;
export const engine_next_receive: (a: number, b: number) => number;
export const engine_next_send: (a: number, b: number) => number;
export const engine_operand_address: (a: number) => number;
export const engine_own: (a: number) => number;
export const engine_received: (a: number, b: number, c: number) => void;
export const engine_result_counts_address: (a: number) => number;
export const engine_sent: (a: number, b: number, c: number) => void;
export const reserve: (a: number) => void;
