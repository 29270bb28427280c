// Tells the cores that it may run on.

import { allowedCores } from "../../../src/dist/cores.ts";

console.log(allowedCores().join(","));
