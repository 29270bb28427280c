/* tslint:disable */
/* eslint-disable */

/**
 * One rank's state machine, used for one collective after the other.
 */
export class Engine {
    free(): void;
    [Symbol.dispose](): void;
    add(peer: number): void;
    begin_all_gather(counts: Uint32Array): void;
    begin_all_reduce(count: number): void;
    begin_barrier(): void;
    begin_broadcast(root: number, count: number): void;
    begin_reduce_scatter(counts: Uint32Array): void;
    bytes_from(peer: number): number;
    bytes_to(peer: number): number;
    /**
     * Address of the landing zone in the memory, `segment` floats long.
     */
    landing_address(): number;
    constructor(rank: number, size: number, segment: number);
    /**
     * True if bytes are still to come from `peer`: to `begin..end` of the landing zone or of the values.
     */
    next_receive(peer: number): boolean;
    /**
     * True if there are bytes for `peer` now: the values at `begin..end`.
     */
    next_send(peer: number): boolean;
    /**
     * Address of the operand in the memory, `segment` floats long.
     */
    operand_address(): number;
    /**
     * True if a segment is whole now: copy the values at `begin..end` to the operand, `add`, and copy them back.
     */
    received(peer: number, bytes: number): boolean;
    sent(peer: number, bytes: number): void;
    readonly begin: number;
    readonly end: number;
    readonly landing: boolean;
}

/**
 * Makes the heap at least `bytes` large, so that later allocations up to that sum do not grow the memory. Growing it
 * would detach the views that pending reads write to.
 */
export function reserve(bytes: number): void;
