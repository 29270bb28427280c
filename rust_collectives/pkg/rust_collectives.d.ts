/* tslint:disable */
/* eslint-disable */

/**
 * One rank's state machine, used for one collective after the other.
 */
export class Engine {
    free(): void;
    [Symbol.dispose](): void;
    /**
     * As `check`, with keyed sums: 32 bytes for what is sent, then 32 for what is received.
     */
    authenticate(peer: number, keys: Uint8Array): void;
    /**
     * Starts a collective; op, dtype and reduction are numbered as on the wire (call_kind.ts). Counts per rank must have
     * been set before.
     */
    begin_collective(op: number, algorithm: number, dtype: number, reduction: number, root: number, count: number): void;
    bytes_from(peer: number): number;
    bytes_to(peer: number): number;
    /**
     * Sends and expects checksums after the moves to and from `peer`.
     */
    check(peer: number): void;
    /**
     * Address of the elements per rank, `size` u32.
     */
    counts_address(): number;
    fold(): void;
    /**
     * Address of the output of a fold, one segment.
     */
    folded_address(): number;
    is_damaged(): boolean;
    /**
     * Address of the landing zone, `size - 1` rings.
     */
    landing_address(): number;
    /**
     * Ends a message from `peer`; returns the offset of the expected checksum in the trailers.
     */
    message_received(peer: number): number;
    /**
     * Ends a message to `peer`; returns the offset of its checksum in the trailers.
     */
    message_sent(peer: number): number;
    constructor(rank: number, size: number, room: number, segment: number);
    /**
     * True if a segment can be folded: copy the values from `own` on to the operand, call `fold`, and copy its output to
     * `begin..end` of the result.
     */
    next_fold(): boolean;
    /**
     * 0: all bytes from `peer` have been received; else read the next ones to `begin..end` of 1: the landing zone; 2: the
     * result; 4: the trailers; 3: there is no room for them before the next fold.
     */
    next_receive(peer: number): number;
    /**
     * 0: nothing can be sent to `peer` now; else send `begin..end` of 1: the values; 2: the result; 3: the trailers.
     */
    next_send(peer: number): number;
    /**
     * Address of the operand, one segment.
     */
    operand_address(): number;
    received(peer: number, bytes: number): void;
    /**
     * Address of the elements of an all-to-all's result per rank, `size` u32.
     */
    result_counts_address(): number;
    sent(peer: number, bytes: number): void;
    /**
     * Adds the first `length` bytes of the operand to the checksum of what is received from `peer`.
     */
    sum_received(peer: number, length: number): void;
    /**
     * Adds the first `length` bytes of the operand to the checksum of what is sent to `peer`.
     */
    sum_sent(peer: number, length: number): void;
    /**
     * Bytes of the sum after each move to and from `peer`, 0 if there is none.
     */
    trailer_bytes(peer: number): number;
    /**
     * Address of the trailers.
     */
    trailers_address(): number;
    readonly begin: number;
    readonly end: number;
    readonly own: number;
}

/**
 * The name of algorithm `number`; `None` from the number of algorithms on.
 */
export function algorithm_name(number: number): string | undefined;

/**
 * True if partial sums travel from rank to rank in algorithm `number` (algorithm.rs).
 */
export function algorithm_passes_partial_sums(number: number): boolean;

/**
 * True if algorithm `number` can run the collective number `op`.
 */
export function algorithm_runs(number: number, op: number): boolean;

/**
 * True if rank `from` of `size` sends a frame to `to` in algorithm `number`.
 */
export function algorithm_sends(number: number, from: number, to: number, size: number): boolean;

/**
 * Grows the heap to at least `bytes`, so that later allocations up to that sum do not grow the memory. Growing it later
 * would detach the views that pending reads write to.
 */
export function reserve(bytes: number): void;
