// The scopes that a tensor is made in (scope.ts has what opens and ends them).

import { AsyncScope } from "./async_scope.ts";

/** What a scope needs to know of a tensor. */
export interface Scoped {
  /** Makes it the owner of its memory if one of `others` is. */
  takeMemoryOf(others: ReadonlySet<object>): void;
}

/** A scope that has not ended. */
export interface OpenScope<Made extends Scoped = Scoped> {
  /** Whether ops record gradients. */
  readonly records: boolean;
  /** The tensors to release at its end. */
  readonly made: Set<Made>;
  /** The scope that it was opened in. */
  readonly around: OpenScope<Made> | undefined;
}

/** The innermost scope of the present call is `scopes.current`. */
export const scopes = new AsyncScope<OpenScope>();

/** Has a tensor outlive the scopes that it was made in, with the memory that it shares. */
export function leaveScopes(tensor: Scoped): void {
  for (let scope = scopes.current; scope !== undefined; scope = scope.around) {
    tensor.takeMemoryOf(scope.made);
    scope.made.delete(tensor);
  }
}

/** Whether ops record gradients here. */
export function recordsGradients(): boolean {
  return scopes.current?.records ?? true;
}

/** To be called with every new tensor. */
export function addToScope(tensor: Scoped): void {
  scopes.current?.made.add(tensor);
}
