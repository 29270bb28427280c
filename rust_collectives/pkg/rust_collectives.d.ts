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
     * Has sums follow the moves from and to `peer`.
     */
    check(peer: number): void;
    /**
     * Address of the elements per rank, `size` u32.
     */
    counts_address(): number;
    fold(): void;
    /**
     * Address of what is folded, one segment.
     */
    folded_address(): number;
    is_damaged(): boolean;
    /**
     * Address of the landing zone, `size - 1` rings.
     */
    landing_address(): number;
    /**
     * Ends a message from `peer`; returns where in the trailers lies what must follow it.
     */
    message_received(peer: number): number;
    /**
     * Ends a message to `peer`; returns where in the trailers its sums lie.
     */
    message_sent(peer: number): number;
    constructor(rank: number, size: number, room: number, segment: number);
    /**
     * True if a segment can be folded: copy the values from `own` on to the operand, `fold`, and copy what is folded to
     * `begin..end` of the result.
     */
    next_fold(): boolean;
    /**
     * 0: all has come from `peer`; 1: the next bytes go to `begin..end` of the landing zone; 2: of the result; 3: to
     * nowhere before the next fold; 4: to `begin..end` of the trailers.
     */
    next_receive(peer: number): number;
    /**
     * 0: nothing for `peer` now; else what is at `begin..end` of 1: the values; 2: the result; 3: the trailers.
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
     * Adds the first `length` bytes of the operand to the sums of what comes from `peer`.
     */
    sum_received(peer: number, length: number): void;
    /**
     * Adds the first `length` bytes of the operand to the sums of what goes to `peer`.
     */
    sum_sent(peer: number, length: number): void;
    /**
     * Address of the trailers.
     */
    trailers_address(): number;
    readonly begin: number;
    readonly end: number;
    readonly own: number;
}

/**
 * Makes the heap at least `bytes` large, so that later allocations up to that sum do not grow the memory. Growing it
 * would detach the views that pending reads write to.
 */
export function reserve(bytes: number): void;
