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
     * As `check`, with keyed sums: 32 bytes for what is sent, then 32 for what is received.
     * @param {number} peer
     * @param {Uint8Array} keys
     */
    authenticate(peer, keys) {
        const ptr0 = passArray8ToWasm0(keys, wasm.__wbindgen_export2);
        const len0 = WASM_VECTOR_LEN;
        wasm.engine_authenticate(this.__wbg_ptr, peer, ptr0, len0);
    }
    /**
     * @returns {number}
     */
    get begin() {
        const ret = wasm.engine_begin(this.__wbg_ptr);
        return ret;
    }
    /**
     * Starts a collective; op, dtype and reduction are numbered as on the wire (call_kind.ts). Counts per rank must have
     * been set before.
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
     * Sends and expects checksums after the moves to and from `peer`.
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
     * Address of the output of a fold, one segment.
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
     * Ends a message from `peer`; returns the offset of the expected checksum in the trailers.
     * @param {number} peer
     * @returns {number}
     */
    message_received(peer) {
        const ret = wasm.engine_message_received(this.__wbg_ptr, peer);
        return ret >>> 0;
    }
    /**
     * Ends a message to `peer`; returns the offset of its checksum in the trailers.
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
     * True if a segment can be folded: copy the values from `own` on to the operand, call `fold`, and copy its output to
     * `begin..end` of the result.
     * @returns {boolean}
     */
    next_fold() {
        const ret = wasm.engine_next_fold(this.__wbg_ptr);
        return ret !== 0;
    }
    /**
     * 0: all bytes from `peer` have been received; else read the next ones to `begin..end` of 1: the landing zone; 2: the
     * result; 4: the trailers; 3: there is no room for them before the next fold.
     * @param {number} peer
     * @returns {number}
     */
    next_receive(peer) {
        const ret = wasm.engine_next_receive(this.__wbg_ptr, peer);
        return ret;
    }
    /**
     * 0: nothing can be sent to `peer` now; else send `begin..end` of 1: the values; 2: the result; 3: the trailers.
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
     * Adds the first `length` bytes of the operand to the checksum of what is received from `peer`.
     * @param {number} peer
     * @param {number} length
     */
    sum_received(peer, length) {
        wasm.engine_sum_received(this.__wbg_ptr, peer, length);
    }
    /**
     * Adds the first `length` bytes of the operand to the checksum of what is sent to `peer`.
     * @param {number} peer
     * @param {number} length
     */
    sum_sent(peer, length) {
        wasm.engine_sum_sent(this.__wbg_ptr, peer, length);
    }
    /**
     * Bytes of the sum after each move to and from `peer`, 0 if there is none.
     * @param {number} peer
     * @returns {number}
     */
    trailer_bytes(peer) {
        const ret = wasm.engine_trailer_bytes(this.__wbg_ptr, peer);
        return ret >>> 0;
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
 * The name of algorithm `number`; `None` from the number of algorithms on.
 * @param {number} number
 * @returns {string | undefined}
 */
export function algorithm_name(number) {
    try {
        const retptr = wasm.__wbindgen_add_to_stack_pointer(-16);
        wasm.algorithm_name(retptr, number);
        var r0 = getDataViewMemory0().getInt32(retptr + 4 * 0, true);
        var r1 = getDataViewMemory0().getInt32(retptr + 4 * 1, true);
        let v1;
        if (r0 !== 0) {
            v1 = getStringFromWasm0(r0, r1).slice();
            wasm.__wbindgen_export(r0, r1 * 1, 1);
        }
        return v1;
    } finally {
        wasm.__wbindgen_add_to_stack_pointer(16);
    }
}

/**
 * True if partial sums travel from rank to rank in algorithm `number` (algorithm.rs).
 * @param {number} number
 * @returns {boolean}
 */
export function algorithm_passes_partial_sums(number) {
    const ret = wasm.algorithm_passes_partial_sums(number);
    return ret !== 0;
}

/**
 * True if algorithm `number` can run the collective number `op`.
 * @param {number} number
 * @param {number} op
 * @returns {boolean}
 */
export function algorithm_runs(number, op) {
    const ret = wasm.algorithm_runs(number, op);
    return ret !== 0;
}

/**
 * True if rank `from` of `size` sends a frame to `to` in algorithm `number`.
 * @param {number} number
 * @param {number} from
 * @param {number} to
 * @param {number} size
 * @returns {boolean}
 */
export function algorithm_sends(number, from, to, size) {
    const ret = wasm.algorithm_sends(number, from, to, size);
    return ret !== 0;
}

/**
 * Grows the heap to at least `bytes`, so that later allocations up to that sum do not grow the memory. Growing it later
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

let cachedDataViewMemory0 = null;
function getDataViewMemory0() {
    if (cachedDataViewMemory0 === null || cachedDataViewMemory0.buffer.detached === true || (cachedDataViewMemory0.buffer.detached === undefined && cachedDataViewMemory0.buffer !== wasm.memory.buffer)) {
        cachedDataViewMemory0 = new DataView(wasm.memory.buffer);
    }
    return cachedDataViewMemory0;
}

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

function passArray8ToWasm0(arg, malloc) {
    const ptr = malloc(arg.length * 1, 1) >>> 0;
    getUint8ArrayMemory0().set(arg, ptr / 1);
    WASM_VECTOR_LEN = arg.length;
    return ptr;
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

let WASM_VECTOR_LEN = 0;


let wasm;
export function __wbg_set_wasm(val) {
    wasm = val;
}
