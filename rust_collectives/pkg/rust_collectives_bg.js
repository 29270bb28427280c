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
     * @param {number} peer
     */
    add(peer) {
        wasm.engine_add(this.__wbg_ptr, peer);
    }
    /**
     * @returns {number}
     */
    get begin() {
        const ret = wasm.engine_begin(this.__wbg_ptr);
        return ret;
    }
    /**
     * @param {Uint32Array} counts
     */
    begin_all_gather(counts) {
        const ptr0 = passArray32ToWasm0(counts, wasm.__wbindgen_export);
        const len0 = WASM_VECTOR_LEN;
        wasm.engine_begin_all_gather(this.__wbg_ptr, ptr0, len0);
    }
    /**
     * @param {number} count
     */
    begin_all_reduce(count) {
        wasm.engine_begin_all_reduce(this.__wbg_ptr, count);
    }
    begin_barrier() {
        wasm.engine_begin_barrier(this.__wbg_ptr);
    }
    /**
     * @param {number} root
     * @param {number} count
     */
    begin_broadcast(root, count) {
        wasm.engine_begin_broadcast(this.__wbg_ptr, root, count);
    }
    /**
     * @param {Uint32Array} counts
     */
    begin_reduce_scatter(counts) {
        const ptr0 = passArray32ToWasm0(counts, wasm.__wbindgen_export);
        const len0 = WASM_VECTOR_LEN;
        wasm.engine_begin_reduce_scatter(this.__wbg_ptr, ptr0, len0);
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
     * @returns {number}
     */
    get end() {
        const ret = wasm.engine_end(this.__wbg_ptr);
        return ret;
    }
    /**
     * @returns {boolean}
     */
    get landing() {
        const ret = wasm.engine_landing(this.__wbg_ptr);
        return ret !== 0;
    }
    /**
     * Address of the landing zone in the memory, `segment` floats long.
     * @returns {number}
     */
    landing_address() {
        const ret = wasm.engine_landing_address(this.__wbg_ptr);
        return ret >>> 0;
    }
    /**
     * @param {number} rank
     * @param {number} size
     * @param {number} segment
     */
    constructor(rank, size, segment) {
        const ret = wasm.engine_new(rank, size, segment);
        this.__wbg_ptr = ret >>> 0;
        EngineFinalization.register(this, this.__wbg_ptr, this);
        return this;
    }
    /**
     * True if bytes are still to come from `peer`: to `begin..end` of the landing zone or of the values.
     * @param {number} peer
     * @returns {boolean}
     */
    next_receive(peer) {
        const ret = wasm.engine_next_receive(this.__wbg_ptr, peer);
        return ret !== 0;
    }
    /**
     * True if there are bytes for `peer` now: the values at `begin..end`.
     * @param {number} peer
     * @returns {boolean}
     */
    next_send(peer) {
        const ret = wasm.engine_next_send(this.__wbg_ptr, peer);
        return ret !== 0;
    }
    /**
     * Address of the operand in the memory, `segment` floats long.
     * @returns {number}
     */
    operand_address() {
        const ret = wasm.engine_operand_address(this.__wbg_ptr);
        return ret >>> 0;
    }
    /**
     * True if a segment is whole now: copy the values at `begin..end` to the operand, `add`, and copy them back.
     * @param {number} peer
     * @param {number} bytes
     * @returns {boolean}
     */
    received(peer, bytes) {
        const ret = wasm.engine_received(this.__wbg_ptr, peer, bytes);
        return ret !== 0;
    }
    /**
     * @param {number} peer
     * @param {number} bytes
     */
    sent(peer, bytes) {
        wasm.engine_sent(this.__wbg_ptr, peer, bytes);
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

let cachedUint32ArrayMemory0 = null;
function getUint32ArrayMemory0() {
    if (cachedUint32ArrayMemory0 === null || cachedUint32ArrayMemory0.byteLength === 0) {
        cachedUint32ArrayMemory0 = new Uint32Array(wasm.memory.buffer);
    }
    return cachedUint32ArrayMemory0;
}

let cachedUint8ArrayMemory0 = null;
function getUint8ArrayMemory0() {
    if (cachedUint8ArrayMemory0 === null || cachedUint8ArrayMemory0.byteLength === 0) {
        cachedUint8ArrayMemory0 = new Uint8Array(wasm.memory.buffer);
    }
    return cachedUint8ArrayMemory0;
}

function passArray32ToWasm0(arg, malloc) {
    const ptr = malloc(arg.length * 4, 4) >>> 0;
    getUint32ArrayMemory0().set(arg, ptr / 4);
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
