// The pods of a Kubernetes manifest, as processes: each pod runs its container's command with its variables, on a host of its
// own (network_namespaces.ts) whose name and address are as Kubernetes would give them.
//
// It reads what the manifests in examples/cluster say, not a whole API: completions, names of pods and subdomains, and values
// of variables from text, the pod's address or a secret.

import { parseAllDocuments } from "yaml";
import { NetworkNamespaces } from "./network_namespaces.ts";
import { type ExampleRun, runExample } from "./cluster_example.ts";

/** What a manifest says of its pods. */
export interface PodSpec {
  readonly numPods: number;
  /** The name that Kubernetes gives to pod `index`, as others reach it. */
  readonly nameOf: (index: number) => string;
  readonly command: readonly string[];
  /** Variables of the manifest. */
  readonly env: readonly Variable[];
  /** Variables that the controller adds to pod `index`. */
  readonly added: (index: number) => Readonly<Record<string, string>>;
}

interface Variable {
  readonly name: string;
  readonly value?: string;
  readonly valueFrom?: {
    readonly fieldRef?: { readonly fieldPath: string };
    readonly secretKeyRef?: { readonly name: string; readonly key: string };
  };
}

/** The objects of a manifest, by kind. */
export async function readManifest(name: string): Promise<ReadonlyMap<string, Manifest>> {
  const text = await Deno.readTextFile(
    new URL(`../../../examples/cluster/${name}`, import.meta.url),
  );
  return new Map(
    parseAllDocuments(text).map((document) => {
      const object = document.toJS();
      return [object.kind, object];
    }),
  );
}

// deno-lint-ignore no-explicit-any -- parsed YAML, whose fields the tests read and compare
export type Manifest = any;

/** Runs all pods and returns what each wrote. */
export async function runPods(
  { numPods, nameOf, command, env, added }: PodSpec,
): Promise<ExampleRun[]> {
  await using hosts = await NetworkNamespaces.create(numPods);
  const pods = Array.from({ length: numPods }, (_, index) => index);
  await hosts.name(pods.map(nameOf));
  const secrets = new Map<string, string>();
  const valueOf = ({ name, value, valueFrom }: Variable, index: number): string => {
    if (value !== undefined) return value;
    if (valueFrom?.fieldRef?.fieldPath === "status.podIP") return hosts.address(index);
    const secret = valueFrom?.secretKeyRef;
    if (secret === undefined) throw new Error(`${name} has no value that a test knows`);
    const id = `${secret.name} ${secret.key}`;
    if (!secrets.has(id)) secrets.set(id, crypto.getRandomValues(new Uint8Array(32)).toHex());
    return secrets.get(id)!;
  };
  return await Promise.all(pods.map((index) => {
    const [program, ...args] = [...hosts.on(index), ...command];
    const variables = env.map((each) => [each.name, valueOf(each, index)]);
    return runExample(program, args, {
      env: { ...Object.fromEntries(variables), ...added(index) },
    });
  }));
}
