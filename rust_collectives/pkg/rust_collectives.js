/* @ts-self-types="./rust_collectives.d.ts" */

import * as wasm from "./rust_collectives_bg.wasm";
import { __wbg_set_wasm } from "./rust_collectives_bg.js";
__wbg_set_wasm(wasm);

export {
    Engine, algorithm_name, algorithm_passes_partial_sums, algorithm_runs, algorithm_sends, reserve
} from "./rust_collectives_bg.js";
