/* @ts-self-types="./rust_collectives.d.ts" */

import * as wasm from "./rust_collectives_bg.wasm";
import { __wbg_set_wasm } from "./rust_collectives_bg.js";
__wbg_set_wasm(wasm);

export {
    Engine, reserve
} from "./rust_collectives_bg.js";
