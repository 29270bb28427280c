// Makes errors of the GPU throw. WebGPU reports errors apart from the call that caused them: to error scopes
// (a promise that is settled at once), to `uncapturederror` (an event, later) and to `device.lost`. The first one is kept
// and thrown by every call from then on, as the device's contents cannot be trusted after it.

const FILTERS = ["validation", "out-of-memory", "internal"] as const;

/** Keeps the first failure of a device. */
export class GpuFailures {
  readonly #device: GPUDevice;
  #first: Error | undefined;
  #collected: Promise<unknown> = Promise.resolve();

  constructor(device: GPUDevice) {
    this.#device = device;
    device.addEventListener("uncapturederror", this.#onUncaptured);
    device.lost.then(({ reason, message }) =>
      this.#keep(
        `The WebGPU device is lost (${reason}: ${message}): restart from the last checkpoint`,
      )
    );
    for (const filter of FILTERS) device.pushErrorScope(filter);
  }

  /** @throws {Error} the first failure, if there was one that is known by now. */
  throwIfAny(): void {
    if (this.#first !== undefined) throw this.#first;
  }

  /** Asks for the failures of all calls since the last time; they are known a microtask later. */
  collect(): void {
    const found = FILTERS.map(() => this.#device.popErrorScope());
    for (const filter of FILTERS) this.#device.pushErrorScope(filter);
    this.#collected = Promise.all([this.#collected, ...found]).then(([, ...errors]) => {
      for (const error of errors) if (error !== null) this.#keepGpuError(error as GPUError);
    }, (error) => this.#keep(`The WebGPU device failed: ${error}`));
  }

  /** Waits until the failures of all calls so far are known, and throws the first. */
  async settle(): Promise<void> {
    this.collect();
    await this.#collected;
    this.throwIfAny();
  }

  /** Makes every later call throw that the device is disposed. */
  close(): void {
    this.#device.removeEventListener("uncapturederror", this.#onUncaptured);
    this.#first = new Error("The WebGPU device is disposed: request a new one");
  }

  readonly #onUncaptured = (event: Event) => {
    this.#keepGpuError((event as GPUUncapturedErrorEvent).error);
  };

  #keepGpuError(error: GPUError): void {
    this.#keep(
      error instanceof GPUOutOfMemoryError
        ? `The GPU is out of memory (${error.message}): use smaller batches or more ranks`
        : `WebGPU refused a call (${error.message}): this is a fault of the device layer, please report it`,
    );
  }

  #keep(message: string): void {
    this.#first ??= new Error(message);
  }
}
