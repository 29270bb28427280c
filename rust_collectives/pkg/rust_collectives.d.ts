/* tslint:disable */
/* eslint-disable */

/**
 * One rank's state machine, used for one collective after the other.
 */
export class Engine {
    free(): void;
    [Symbol.dispose](): void;
    /**
     * Starts collective number `op` (frame.ts counts them); counts per rank must have been set before.
     */
    begin_collective(op: number, algorithm: number, dtype: number, reduction: number, root: number, count: number): void;
    bytes_from(peer: number): number;
    bytes_to(peer: number): number;
    /**
     * Address of the elements per rank, `size` u32.
     */
    counts_address(): number;
    fold(): void;
    /**
     * Address of what is folded, one segment.
     */
    folded_address(): number;
    /**
     * Address of the landing zone, `size - 1` segments.
     */
    landing_address(): number;
    constructor(rank: number, size: number, segment: number);
    /**
     * True if a segment can be folded: copy the values from `own` on to the operand, `fold`, and copy what is folded to
     * `begin..end` of the result.
     */
    next_fold(): boolean;
    /**
     * 0: all has come from `peer`; 1: the next bytes go to `begin..end` of the landing zone; 2: of the result; 3: to
     * nowhere before the next fold.
     */
    next_receive(peer: number): number;
    /**
     * 0: nothing for `peer` now; 1: the values at `begin..end`; 2: the result at `begin..end`.
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
    readonly begin: number;
    readonly end: number;
    readonly own: number;
}

/**
 * Makes the heap at least `bytes` large, so that later allocations up to that sum do not grow the memory. Growing it
 * would detach the views that pending reads write to.
 */
export function reserve(bytes: number): void;
