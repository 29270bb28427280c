// Prints the cores that it may run on.

import { allowedCores } from "../../../src/distributed/launcher/cores.ts";

console.log(allowedCores().join(","));
