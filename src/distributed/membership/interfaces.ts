// The address of a network interface, for hosts that have several: `interface: "eth1"` instead of an address per host.

/** What is known of one address of this machine. */
export type InterfaceAddress = Pick<
  Deno.NetworkInterfaceInfo,
  "name" | "family" | "address"
>;

/**
 * The first IPv4 address of the interface `name`, or else its first IPv6 address that is valid beyond the link.
 *
 * @throws {RangeError} naming the interfaces that this machine has.
 */
export function addressOfInterface(
  name: string,
  addresses: readonly InterfaceAddress[] = Deno.networkInterfaces(),
): string {
  const own = addresses.filter((each) => each.name === name);
  const found = own.find(({ family }) => family === "IPv4") ??
    own.find(({ address }) => !address.toLowerCase().startsWith("fe80:"));
  if (found !== undefined) return found.address;
  const names = [...new Set(addresses.map((each) => each.name))].join(", ");
  throw new RangeError(
    own.length > 0
      ? `The network interface ${name} has no address that other hosts reach`
      : `This machine has no network interface ${name}: it has ${names}`,
  );
}
