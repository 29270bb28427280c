import assert from "node:assert/strict";

interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

async function demo(...args: string[]): Promise<Outcome> {
  const script = new URL("../../src/cli/demo.ts", import.meta.url).href;
  const config = new URL("../../deno.json", import.meta.url).pathname;
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "-P=train", "--config", config, script, ...args],
  }).output();
  const decode = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { code, stdout: decode(stdout), stderr: decode(stderr) };
}

async function withText(length: number, body: (path: string) => Promise<void>): Promise<void> {
  const path = await Deno.makeTempFile({ suffix: ".txt" });
  try {
    const words = Array.from({ length }, (_, i) => `${"abcdefg"[i * i % 7]}${i % 10} `);
    await Deno.writeTextFile(path, words.join("").slice(0, length));
    await body(path);
  } finally {
    await Deno.remove(path);
  }
}

Deno.test("the demo trains on 4 ranks, compares with 1, and prints a summary in its last line", async () => {
  await withText(50_000, async (path) => {
    const { code, stdout, stderr } = await demo("--steps", "6", "--device", "wasm", "--data", path);
    assert.equal(code, 0, stderr);
    const last = stdout.trimEnd().split("\n").at(-1)!;
    const [, difference, before, after] = last.match(
      /^demo: 4 ranks \(2 x 2\) vs 1 rank: largest relative loss difference (\S+) over the first 6 steps, .* over all 6; held-out loss (\S+) -> (\S+); device wasm$/,
    ) ?? assert.fail(last);
    assert.ok(Number(difference) <= 1e-4, last);
    assert.ok(Number(after) < Number(before) - 0.5, last);
    assert.match(stdout, /an order-2 byte model loses \d\.\d+ nats per byte there/);
    assert.match(
      stdout,
      /not below the order-2 byte model's \d\.\d+: fewer steps or another text than the demo's own/,
    );
  });
});

Deno.test("the demo on 1 rank says that there is nothing to compare with", async () => {
  await withText(50_000, async (path) => {
    const { code, stdout } = await demo(
      "--ranks",
      "1",
      "--steps",
      "2",
      "--device",
      "wasm",
      "--data",
      path,
    );
    assert.equal(code, 0);
    assert.match(stdout, /held-out loss .*\n[^]*demo: 1 rank alone, nothing to compare with/);
  });
});

const REFUSED: [string[], RegExp][] = [
  [["--colour"], /unknown option '--colour'/],
  [["--steps", "0"], /'--steps <n>' argument '0' is invalid. It must be an integer >= 1/],
  [["--device", "cuda"], /Allowed choices are auto, wasm, webgpu/],
  [
    ["--ranks", "3", "--tensor", "2"],
    /a mesh of tensor 2 x ZeRO 1 needs 2 ranks, and --ranks is 3/,
  ],
  [["--ranks", "8", "--tensor", "8"], /--tensor 8 is more than the model's 4 heads/],
  [["--ranks", "34"], /--zero 17 is more than the 16 windows of a batch/],
  [["--data", "/no/such/file"], /Cannot read \/no\/such\/file/],
];

for (const [args, message] of REFUSED) {
  Deno.test(`the demo refuses ${args.join(" ")}`, async () => {
    const { code, stderr } = await demo(...args);
    assert.equal(code, 2);
    assert.match(stderr, message);
  });
}

Deno.test("the demo refuses too little text", async () => {
  await withText(1000, async (path) => {
    const { code, stderr } = await demo("--data", path);
    assert.equal(code, 2);
    assert.match(stderr, /Cannot train on 1000 bytes of text: at least 40960 are needed/);
  });
});

Deno.test("--help explains every flag", async () => {
  const { code, stdout } = await demo("--help");
  assert.equal(code, 0);
  for (const flag of ["steps", "ranks", "tensor", "zero", "device", "data", "seed"]) {
    assert.match(stdout, new RegExp(`--${flag} .*[a-z]`));
  }
});

Deno.test("the demo leaves no rank and no file behind when it is stopped", async () => {
  await withText(50_000, async (path) => {
    const script = new URL("../../src/cli/demo.ts", import.meta.url).href;
    const config = new URL("../../deno.json", import.meta.url).pathname;
    const temporary = await Deno.makeTempDir();
    try {
      const child = new Deno.Command(Deno.execPath(), {
        args: ["run", "-q", "-P=train", "--config", config, script]
          .concat(["--steps", "100000", "--device", "wasm", "--data", path]),
        env: { TMPDIR: temporary, NO_COLOR: "1" },
        stdout: "piped",
        stderr: "piped",
      }).spawn();
      const stderr = child.stderr.pipeThrough(new TextDecoderStream());
      let text = "";
      for await (const chunk of stderr) {
        const before = text;
        text += chunk;
        const trains = (each: string) => /[1-9]\d*\/100000/.test(each);
        if (trains(text) && !trains(before)) child.kill("SIGTERM");
      }
      await child.stdout.cancel();
      assert.equal((await child.status).code, 1, text);
      assert.match(text, /interrupted: all ranks are stopped/);
      const left = await Array.fromAsync(Deno.readDir(temporary), ({ name }) => name);
      assert.deepEqual(left.filter((name) => name.startsWith("meshfactor-")), []);
    } finally {
      await Deno.remove(temporary, { recursive: true });
    }
  });
});
