// The training command's checkpoints: what may be resumed and what is refused, which ones stay, and failures to write them.

import assert from "node:assert/strict";
import { command, flagsFor, messagesIn, train } from "../support/cli/train_command.ts";
import { type SmallFiles, smallText, withSmallFiles } from "../support/train/small_gpt2.ts";
import { stepsIn } from "../support/temporary_folder.ts";

function flagsWith(files: SmallFiles, ...more: string[]): string[] {
  const flags = [...flagsFor(files), "--schedule", "constant", "--checkpoint-every", "2"];
  return [...flags, "--checkpoints", `${files.folder}/run`, ...more];
}

const stepsOf = (text: string) =>
  messagesIn(text).flatMap((each) => each.kind === "step" ? [each.step] : []);

Deno.test("--resume begins anew without a checkpoint, goes on from the latest, and takes no step after the last", async () => {
  await withSmallFiles(async (files) => {
    const flags = flagsWith(files, "--resume");
    const first = await train(flags);
    assert.equal(first.code, 0, first.stderr);
    assert.deepEqual(stepsOf(first.stdout), [1, 2, 3, 4, 5]);
    assert.deepEqual(await stepsIn(`${files.folder}/run`), [4, 5]);

    const again = await train(flags);
    assert.equal(again.code, 0, again.stderr);
    assert.equal(
      messagesIn(again.stdout).map(({ kind }) => kind).join(" "),
      "start resumed sample",
    );
    const sample = (text: string) =>
      messagesIn(text).flatMap((each) => each.kind === "sample" ? [each.text] : []);
    assert.deepEqual(sample(again.stdout), sample(first.stdout));

    const more = await train([...flags, "--steps", "7"]);
    assert.deepEqual(stepsOf(more.stdout), [6, 7]);
    assert.match(more.stdout, /another number of steps \(5, now 7\)/);
    assert.deepEqual(await stepsIn(`${files.folder}/run`), [6, 7]);
  });
});

Deno.test("a checkpoint of another training is refused by the name of what differs, with exit code 2", async (t) => {
  await withSmallFiles(async (files) => {
    const { code, stderr } = await train(flagsWith(files));
    assert.equal(code, 0, stderr);
    const other = `${files.folder}/other`;
    await Deno.writeFile(other, smallText().reverse());
    const cases: [string[], RegExp][] = [
      [["--seed", "2"], /another seed \(1, now 2\)/],
      [["--data", other], /another set of data or tokenizer:/],
      [["--dtype", "bf16"], /another dtype \(f32, now bf16\)/],
      [["--from-scratch"], /another model:/],
      [["--algorithm", "adamw"], /another algorithm \(adafactor, now adamw\)/],
      [["--beta1", "0.9"], /another use of momentum \(false, now true\)/],
      [["--freeze", "transformer.wte.*"], /another set of frozen parameters/],
      [["--context", "12"], /another context \(13, now 12\)/],
      [
        ["--dtype", "bf16", "--master-weights"],
        /another dtype .* and another use of master weights \(false, now true\)/,
      ],
    ];
    const before = await stepsIn(`${files.folder}/run`);
    for (const [flags, message] of cases) {
      await t.step(flags.join(" "), async () => {
        const outcome = await train(flagsWith(files, "--resume", ...flags));
        assert.match(outcome.stderr, /^error: Cannot go on from .*/m);
        assert.match(outcome.stderr, message);
        assert.doesNotMatch(outcome.stderr, /\n\s+at /);
        assert.equal(outcome.code, 2);
        assert.deepEqual(stepsOf(outcome.stdout), []);
        assert.deepEqual(await stepsIn(`${files.folder}/run`), before);
      });
    }
    const reported = await train(flagsWith(files, "--resume", "--steps", "6", "--lr", "0.01"));
    assert.equal(reported.code, 0, reported.stderr);
    assert.match(reported.stdout, /another learning rate, schedule or warm-up/);
    assert.deepEqual(stepsOf(reported.stdout), [6]);
  });
});

Deno.test("checkpoints of an earlier training are not overwritten, and a folder in use is refused", async () => {
  await withSmallFiles(async (files) => {
    const run = `${files.folder}/run`;
    await Deno.mkdir(run);
    using handle = await Deno.open(run);
    await handle.lock(true);
    const inUse = await train(flagsWith(files));
    assert.match(inUse.stderr, /is in use by another training/);
    assert.equal(inUse.code, 2);
    await handle.unlock();
    assert.equal((await train(flagsWith(files))).code, 0);
    const again = await train(flagsWith(files));
    assert.match(
      again.stderr,
      /holds checkpoints of an earlier training, up to step 5: give --resume/,
    );
    assert.equal(again.code, 2);
  });
});

Deno.test("wrong flags of checkpoints are refused with a sentence and exit code 2", async (t) => {
  await withSmallFiles(async (files) => {
    const file = `${files.folder}/text`;
    const cases: [string[], RegExp][] = [
      [["--resume"], /--resume needs --checkpoints/],
      [["--keep", "3"], /--keep needs --checkpoints/],
      [["--keep-best"], /--keep-best needs --checkpoints/],
      [["--checkpoint-every", "3"], /--checkpoint-every needs --checkpoints/],
      [["--checkpoints", "run", "--keep", "0"], /It must be an integer >= 1/],
      [["--checkpoints", ""], /--checkpoints needs the path of a folder/],
      [["--checkpoints", file], /as there is a file of that name/],
      [["--checkpoints", `${file}/below`], /as there is a file of that name/],
    ];
    for (const [flags, message] of cases) {
      await t.step(flags.join(" "), async () => {
        const { code, stdout, stderr } = await train([...flagsFor(files), ...flags]);
        assert.match(stderr, message);
        assert.equal(code, 2);
        assert.equal(stdout, "");
      });
    }
  });
});

Deno.test("--keep-best keeps the checkpoint of the lowest held-out loss", async () => {
  await withSmallFiles(async (files) => {
    // At this learning rate the loss falls first and rises then.
    const flags = flagsWith(files, "--keep-best", "--keep", "1", "--steps", "12", "--lr", "0.3");
    const { code, stdout, stderr } = await train([...flags, "--checkpoint-every", "1"]);
    assert.equal(code, 0, stderr);
    const evaluations = messagesIn(stdout).flatMap((each) =>
      each.kind === "evaluation" && each.step > 0 ? [each] : []
    );
    assert.equal(evaluations.length, 12, "every checkpoint is evaluated");
    const lowest = Math.min(...evaluations.map(({ loss }) => loss));
    const best = evaluations.find(({ loss }) => loss === lowest)!.step;
    assert.ok(best < 12, `the last step is not the best one: ${best}`);
    assert.deepEqual(await stepsIn(`${files.folder}/run`), [best, 12]);
  });
});

Deno.test("a checkpoint that cannot be written is reported, and training goes on to its end", async () => {
  await withSmallFiles(async (files) => {
    const run = `${files.folder}/run`;
    const child = command(flagsWith(files, "--steps", "300", "--save", `${files.folder}/trained`))
      .spawn();
    let isBlocked = false;
    let text = "";
    for await (const chunk of child.stdout.pipeThrough(new TextDecoderStream())) {
      text += chunk;
      if (isBlocked || !text.includes('"kind":"step"')) continue;
      isBlocked = true;
      await replaceByFile(run);
    }
    const [{ code }, stderr] = await Promise.all([child.status, new Response(child.stderr).text()]);
    assert.equal(code, 0, stderr);
    assert.match(text, /"kind":"warning","text":"Cannot save a checkpoint: /);
    assert.match(text, /"kind":"step","step":300,/);
    assert.match(text, /"kind":"saved"/);
  });
});

Deno.test("Ctrl-C saves a checkpoint, and --resume goes on after that step", async () => {
  await withSmallFiles(async (files) => {
    const flags = flagsWith(files, "--checkpoint-every", "100000");
    const child = command([...flags, "--steps", "1000000"]).spawn();
    let text = "";
    let isAsked = false;
    for await (const chunk of child.stdout.pipeThrough(new TextDecoderStream())) {
      text += chunk;
      if (isAsked || !text.includes('"kind":"step"')) continue;
      child.kill("SIGINT");
      isAsked = true;
    }
    const [{ code }, stderr] = await Promise.all([child.status, new Response(child.stderr).text()]);
    assert.equal(code, 130, stderr);
    const last = stepsOf(text).at(-1)!;
    const resumed = await train([...flags, "--resume", "--steps", String(last + 2)]);
    assert.deepEqual(stepsOf(resumed.stdout), [last + 1, last + 2]);
  });
});

/** The training may make the folder anew between the two calls. */
async function replaceByFile(folder: string): Promise<void> {
  for (let attempt = 0;; attempt++) {
    await Deno.rename(folder, `${folder}-away-${attempt}`);
    try {
      return await Deno.writeTextFile(folder, "in the way", { createNew: true });
    } catch (error) {
      if (attempt === 9 || !(error instanceof Deno.errors.AlreadyExists)) throw error;
    }
  }
}
