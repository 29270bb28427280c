// Items of a generator, made before they are wanted: while one is used, the next ones are in the making.

/**
 * The items of `source`, of which up to `ahead` are begun before they are asked for; an error is thrown when its item is reached.
 * If the loop ends early, `source` is closed and items that nobody got are disposed of.
 */
export async function* prefetched<Item>(
  source: AsyncGenerator<Item, void, undefined>,
  ahead: number,
): AsyncGenerator<Item, void, undefined> {
  const begun: Promise<IteratorResult<Item, void>>[] = [];
  const beginUpTo = (count: number) => {
    while (begun.length < count) {
      const next = source.next();
      next.catch(() => {}); // It is thrown below, if it is reached.
      begun.push(next);
    }
  };
  try {
    for (;;) {
      beginUpTo(ahead + 1);
      const { done, value } = await begun.shift()!;
      if (done) return;
      beginUpTo(ahead);
      yield value;
    }
  } finally {
    const closed = source.return();
    for (const each of await Promise.allSettled(begun)) {
      if (each.status === "fulfilled" && !each.value.done) await disposeOf(each.value.value);
    }
    await closed;
  }
}

async function disposeOf(item: unknown): Promise<void> {
  if (typeof item !== "object" || item === null) return;
  if (Symbol.asyncDispose in item) await (item as AsyncDisposable)[Symbol.asyncDispose]();
  else if (Symbol.dispose in item) (item as Disposable)[Symbol.dispose]();
}
