// Separate hosts on one machine: network namespaces (Linux, root), each with one interface eth0 on a common bridge.
//
//   namespace of rank r: eth0 10.77.0.(r + 1)  --veth--  bridge in one more namespace
//
// All addresses are inside of these namespaces; the machine's own network is not changed. If namespaces cannot be created,
// `missingFor` returns the reason, for the name of a skipped test.

/** The reason why hosts, or such faults, cannot be made here; undefined if they can. */
export async function missingFor(
  treat: (hosts: NetworkNamespaces) => Promise<void>,
): Promise<string | undefined> {
  if (Deno.build.os !== "linux") return "network namespaces need Linux";
  if (Deno.uid() !== 0) return "network namespaces need root";
  try {
    await using hosts = await NetworkNamespaces.create(1);
    await treat(hosts);
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** One host per rank. */
export class NetworkNamespaces implements AsyncDisposable {
  readonly #names: readonly string[];
  readonly #hub: string;

  private constructor(numHosts: number) {
    const id = `mf${Deno.pid}x${created++}`;
    this.#hub = `${id}hub`;
    this.#names = Array.from({ length: numHosts }, (_, host) => `${id}h${host}`);
  }

  /** Creates the hosts. @throws {Error} with the output of `ip`. */
  static async create(numHosts: number): Promise<NetworkNamespaces> {
    const hosts = new NetworkNamespaces(numHosts);
    try {
      await hosts.#create();
      return hosts;
    } catch (error) {
      await hosts[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** The address of a host. */
  address(host: number): string {
    return `10.77.0.${host + 1}`;
  }

  /** The command prefix that runs a command on a host. */
  on(host: number): readonly string[] {
    return ["ip", "netns", "exec", this.#names[host]];
  }

  /** Lets all hosts find these names, as by DNS: host r is `names[r]`. */
  async name(names: readonly string[]): Promise<void> {
    const lines = names.map((name, host) => `${this.address(host)} ${name}\n`);
    for (const host of this.#names) {
      // `ip netns exec` puts what is there over the files of /etc.
      await Deno.mkdir(`/etc/netns/${host}`, { recursive: true });
      await Deno.writeTextFile(
        `/etc/netns/${host}/hosts`,
        `127.0.0.1 localhost\n${lines.join("")}`,
      );
    }
  }

  /** Applies netem to the outgoing packets of a host, such as `delay 5ms loss 1%`. */
  async disturb(host: number, netem: readonly string[]): Promise<void> {
    await run(
      ["tc", "-n", this.#names[host], "qdisc", "add", "dev", "eth0", "root", "netem", ...netem],
    );
  }

  /** Pulls the cable of a host: no packet passes, and no connection ends. */
  async cut(host: number): Promise<void> {
    await run(["ip", "-n", this.#hub, "link", "set", `v${host}`, "down"]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const name of [this.#hub, ...this.#names]) {
      await run(["ip", "netns", "delete", name]).catch(() => {});
      await Deno.remove(`/etc/netns/${name}`, { recursive: true }).catch(() => {});
    }
  }

  async #create(): Promise<void> {
    const hub = this.#hub;
    await run(["ip", "netns", "add", hub]);
    await run(["ip", "-n", hub, "link", "add", "br0", "type", "bridge"]);
    await run(["ip", "-n", hub, "link", "set", "br0", "up"]);
    for (const [host, name] of this.#names.entries()) {
      const link = ["ip", "-n", name];
      await run(["ip", "netns", "add", name]);
      await run(
        ["ip", "-n", hub, "link", "add", `v${host}`, "type", "veth", "peer", "eth0", "netns", name],
      );
      await run(["ip", "-n", hub, "link", "set", `v${host}`, "master", "br0", "up"]);
      await run([...link, "address", "add", `${this.address(host)}/24`, "dev", "eth0"]);
      await run([...link, "link", "set", "eth0", "up"]);
      await run([...link, "link", "set", "lo", "up"]);
    }
  }
}

async function run([command, ...args]: readonly string[]): Promise<void> {
  let output: Deno.CommandOutput;
  try {
    output = await new Deno.Command(command, { args, stdin: "null" }).output();
  } catch (cause) {
    throw new Error(`${command} cannot be run: install iproute2`, { cause });
  }
  if (output.success) return;
  const text = new TextDecoder().decode(output.stderr).trim();
  throw new Error(`${command} ${args.join(" ")}: ${text}`);
}

let created = 0;
