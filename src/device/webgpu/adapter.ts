// Finds a WebGPU adapter and opens it with all of its features and limits.
//
// Deno lists only some features in `adapter.features` and grants others all the same (subgroups among them), so sets of
// features are asked for, the richest first, until one is granted.

/** The adapter that WebGPU prefers for speed, or null where there is none. */
export async function findAdapter(): Promise<GPUAdapter | null> {
  quietenMesa();
  return await navigator.gpu?.requestAdapter({ powerPreference: "high-performance" }) ?? null;
}

/** Mesa writes errors to stderr where this variable is missing, as on machines that nobody has logged in to. */
function quietenMesa(): void {
  const variable = "XDG_RUNTIME_DIR";
  const { state } = Deno.permissions.querySync({ name: "env", variable });
  if (Deno.build.os !== "linux" || state !== "granted" || Deno.env.get(variable)) return;
  Deno.env.set(variable, "/tmp");
}

/** True for adapters that run on the CPU, such as Mesa's llvmpipe. */
export function isSoftwareAdapter(info: GPUAdapterInfo): boolean {
  return info.isFallbackAdapter || SOFTWARE_RENDERERS.test(info.description);
}

/** The adapter's name, for logs. */
export function adapterName(info: GPUAdapterInfo): string {
  return info.description || [info.vendor, info.architecture].filter(Boolean).join(" ") ||
    "unnamed adapter";
}

/** Opens the adapter with the richest set of {@linkcode WANTED_FEATURES} that it grants. */
export async function openAdapter(adapter: GPUAdapter): Promise<GPUDevice> {
  const requiredLimits = Object.fromEntries(
    RAISED_LIMITS.map((name) => [name, adapter.limits[name]]),
  );
  for (const requiredFeatures of featureSets()) {
    try {
      return await adapter.requestDevice({ requiredFeatures, requiredLimits });
    } catch (error) {
      // A TypeError says that a feature is missing; anything else, and any failure without features, is final.
      if (requiredFeatures.length === 0 || !(error instanceof TypeError)) throw error;
    }
  }
  throw new Error("unreachable: the last set of features is empty");
}

/** All subsets of the wanted features, the richest first, and among equals those with the earlier features. */
function featureSets(): GPUFeatureName[][] {
  let sets: GPUFeatureName[][] = [[]];
  for (const feature of WANTED_FEATURES) {
    sets = sets.flatMap((set) => [[...set, feature], set]);
  }
  return sets.sort((a, b) => b.length - a.length);
}

const WANTED_FEATURES: readonly GPUFeatureName[] = ["shader-f16", "subgroups", "timestamp-query"];

const RAISED_LIMITS = [
  "maxBufferSize",
  "maxStorageBufferBindingSize",
  "maxStorageBuffersPerShaderStage",
  "maxComputeWorkgroupStorageSize",
  "maxComputeInvocationsPerWorkgroup",
  "maxComputeWorkgroupSizeX",
  "maxComputeWorkgroupSizeY",
  "maxComputeWorkgroupsPerDimension",
  "minUniformBufferOffsetAlignment",
] as const;

const SOFTWARE_RENDERERS = /llvmpipe|lavapipe|softpipe|swiftshader|basic render/i;
