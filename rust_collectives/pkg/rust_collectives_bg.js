/**
 * One rank's state machine, used for one collective after the other.
 */
export class Engine {
    __destroy_into_raw() {
        const ptr = this.__wbg_ptr;
        this.__wbg_ptr = 0;
        EngineFinalization.unregister(this);
        return ptr;
    }
    free() {
        const ptr = this.__destroy_into_raw();
        wasm.__wbg_engine_free(ptr, 0);
    }
    /**
     * @returns {number}
     */
    get begin() {
        const ret = wasm.engine_begin(this.__wbg_ptr);
        return ret;
    }
    /**
     * Starts collective number `op` (frame.ts counts them); counts per rank must have been set before.
     * @param {number} op
     * @param {number} algorithm
     * @param {number} dtype
     * @param {number} reduction
     * @param {number} root
     * @param {number} count
     */
    begin_collective(op, algorithm, dtype, reduction, root, count) {
        wasm.engine_begin_collective(this.__wbg_ptr, op, algorithm, dtype, reduction, root, count);
    }
    /**
     * @param {number} peer
     * @returns {number}
     */
    bytes_from(peer) {
        const ret = wasm.engine_bytes_from(this.__wbg_ptr, peer);
        return ret;
    }
    /**
     * @param {number} peer
     * @returns {number}
     */
    bytes_to(peer) {
        const ret = wasm.engine_bytes_to(this.__wbg_ptr, peer);
        return ret;
    }
    /**
     * Has sums follow the moves from and to `peer`.
     * @param {number} peer
     */
    check(peer) {
        wasm.engine_check(this.__wbg_ptr, peer);
    }
    /**
     * Address of the elements per rank, `size` u32.
     * @returns {number}
     */
    counts_address() {
        const ret = wasm.engine_counts_address(this.__wbg_ptr);
        return ret >>> 0;
    }
    /**
     * @returns {number}
     */
    get end() {
        const ret = wasm.engine_end(this.__wbg_ptr);
        return ret;
    }
    fold() {
        wasm.engine_fold(this.__wbg_ptr);
    }
    /**
     * Address of what is folded, one segment.
     * @returns {number}
     */
    folded_address() {
        const ret = wasm.engine_folded_address(this.__wbg_ptr);
        return ret >>> 0;
    }
    /**
     * @returns {boolean}
     */
    is_damaged() {
        const ret = wasm.engine_is_damaged(this.__wbg_ptr);
        return ret !== 0;
    }
    /**
     * Address of the landing zone, `size - 1` rings.
     * @returns {number}
     */
    landing_address() {
        const ret = wasm.engine_landing_address(this.__wbg_ptr);
        return ret >>> 0;
    }
    /**
     * Ends a message from `peer`; returns where in the trailers lies what must follow it.
     * @param {number} peer
     * @returns {number}
     */
    message_received(peer) {
        const ret = wasm.engine_message_received(this.__wbg_ptr, peer);
        return ret >>> 0;
    }
    /**
     * Ends a message to `peer`; returns where in the trailers its sums lie.
     * @param {number} peer
     * @returns {number}
     */
    message_sent(peer) {
        const ret = wasm.engine_message_sent(this.__wbg_ptr, peer);
        return ret >>> 0;
    }
    /**
     * @param {number} rank
     * @param {number} size
     * @param {number} room
     * @param {number} segment
     */
    constructor(rank, size, room, segment) {
        const ret = wasm.engine_new(rank, size, room, segment);
        this.__wbg_ptr = ret >>> 0;
        EngineFinalization.register(this, this.__wbg_ptr, this);
        return this;
    }
    /**
     * True if a segment can be folded: copy the values from `own` on to the operand, `fold`, and copy what is folded to
     * `begin..end` of the result.
     * @returns {boolean}
     */
    next_fold() {
        const ret = wasm.engine_next_fold(this.__wbg_ptr);
        return ret !== 0;
    }
    /**
     * 0: all has come from `peer`; 1: the next bytes go to `begin..end` of the landing zone; 2: of the result; 3: to
     * nowhere before the next fold; 4: to `begin..end` of the trailers.
     * @param {number} peer
     * @returns {number}
     */
    next_receive(peer) {
        const ret = wasm.engine_next_receive(this.__wbg_ptr, peer);
        return ret;
    }
    /**
     * 0: nothing for `peer` now; else what is at `begin..end` of 1: the values; 2: the result; 3: the trailers.
     * @param {number} peer
     * @returns {number}
     */
    next_send(peer) {
        const ret = wasm.engine_next_send(this.__wbg_ptr, peer);
        return ret;
    }
    /**
     * Address of the operand, one segment.
     * @returns {number}
     */
    operand_address() {
        const ret = wasm.engine_operand_address(this.__wbg_ptr);
        return ret >>> 0;
    }
    /**
     * @returns {number}
     */
    get own() {
        const ret = wasm.engine_own(this.__wbg_ptr);
        return ret;
    }
    /**
     * @param {number} peer
     * @param {number} bytes
     */
    received(peer, bytes) {
        wasm.engine_received(this.__wbg_ptr, peer, bytes);
    }
    /**
     * Address of the elements of an all-to-all's result per rank, `size` u32.
     * @returns {number}
     */
    result_counts_address() {
        const ret = wasm.engine_result_counts_address(this.__wbg_ptr);
        return ret >>> 0;
    }
    /**
     * @param {number} peer
     * @param {number} bytes
     */
    sent(peer, bytes) {
        wasm.engine_sent(this.__wbg_ptr, peer, bytes);
    }
    /**
     * Adds the first `length` bytes of the operand to the sums of what comes from `peer`.
     * @param {number} peer
     * @param {number} length
     */
    sum_received(peer, length) {
        wasm.engine_sum_received(this.__wbg_ptr, peer, length);
    }
    /**
     * Adds the first `length` bytes of the operand to the sums of what goes to `peer`.
     * @param {number} peer
     * @param {number} length
     */
    sum_sent(peer, length) {
        wasm.engine_sum_sent(this.__wbg_ptr, peer, length);
    }
    /**
     * Address of the trailers.
     * @returns {number}
     */
    trailers_address() {
        const ret = wasm.engine_trailers_address(this.__wbg_ptr);
        return ret >>> 0;
    }
}
if (Symbol.dispose) Engine.prototype[Symbol.dispose] = Engine.prototype.free;

/**
 * Makes the heap at least `bytes` large, so that later allocations up to that sum do not grow the memory. Growing it
 * would detach the views that pending reads write to.
 * @param {number} bytes
 */
export function reserve(bytes) {
    wasm.reserve(bytes);
}
export function __wbg___wbindgen_throw_be289d5034ed271b(arg0, arg1) {
    throw new Error(getStringFromWasm0(arg0, arg1));
}
const EngineFinalization = (typeof FinalizationRegistry === 'undefined')
    ? { register: () => {}, unregister: () => {} }
    : new FinalizationRegistry(ptr => wasm.__wbg_engine_free(ptr >>> 0, 1));

function getStringFromWasm0(ptr, len) {
    ptr = ptr >>> 0;
    return decodeText(ptr, len);
}

let cachedUint8ArrayMemory0 = null;
function getUint8ArrayMemory0() {
    if (cachedUint8ArrayMemory0 === null || cachedUint8ArrayMemory0.byteLength === 0) {
        cachedUint8ArrayMemory0 = new Uint8Array(wasm.memory.buffer);
    }
    return cachedUint8ArrayMemory0;
}

let cachedTextDecoder = new TextDecoder('utf-8', { ignoreBOM: true, fatal: true });
cachedTextDecoder.decode();
const MAX_SAFARI_DECODE_BYTES = 2146435072;
let numBytesDecoded = 0;
function decodeText(ptr, len) {
    numBytesDecoded += len;
    if (numBytesDecoded >= MAX_SAFARI_DECODE_BYTES) {
        cachedTextDecoder = new TextDecoder('utf-8', { ignoreBOM: true, fatal: true });
        cachedTextDecoder.decode();
        numBytesDecoded = len;
    }
    return cachedTextDecoder.decode(getUint8ArrayMemory0().subarray(ptr, ptr + len));
}


let wasm;
export function __wbg_set_wasm(val) {
    wasm = val;
}
