// What SAM is asked for: every prompt is a few points of one object, a box around it, or both, and there may be a mask of the image. A box
// is two points, its corners; without one, a point of label -1 ends the list.

import { formatShape, sameShape } from "../tensor/shape.ts";
import type { FloatTensor } from "../tensor/tensor.ts";

/**
 * x and y in pixels, from the top left corner of the image that the model sees.
 *
 * @category Models
 */
export type Point = readonly [x: number, y: number];

/**
 * The left, upper, right and lower edge, in pixels of the image that the model sees.
 *
 * @category Models
 */
export type Box = readonly [left: number, top: number, right: number, bottom: number];

/**
 * The objects that are asked for, P for each of B images.
 *
 * @category Models
 */
export interface SamPrompts {
  /** N points of every object, [B][P][N]. */
  readonly points?: readonly (readonly (readonly Point[])[])[] | undefined;
  /**
   * Their labels [B][P][N]: 1 of the object, 0 not of the object, -1 no point, -10 ignored, to fill up shorter lists. Default: 1 for all.
   */
  readonly labels?: readonly (readonly (readonly number[])[])[] | undefined;
  /** A box of every object, [B][P]. */
  readonly boxes?: readonly (readonly Box[])[] | undefined;
  /** Logits of a mask of every image [B, 1, 4 h, 4 w], such as those of an earlier pass. */
  readonly masks?: FloatTensor | undefined;
}

/** A point with its kind: 0 not of the object, 1 of the object, 2 and 3 corners of a box. */
export interface PromptPoint {
  readonly at: Point;
  readonly kind: 0 | 1 | 2 | 3 | "none" | "ignored";
}

/**
 * The numbers of images and of objects in each; undefined if there are neither points nor boxes.
 *
 * @throws {RangeError} if lists differ in length, or do not fit together.
 * @throws {TypeError} if there are labels and no points.
 */
export function countObjects(
  { points, labels, boxes }: SamPrompts,
): { readonly images: number; readonly ofImage: number } | undefined {
  if (labels !== undefined && points === undefined) {
    throw new TypeError("SAM got labels of points and no points: give both");
  }
  const ofPoints = points && evenShape(points, { name: "points", dims: ["B", "P", "N", 2] });
  const ofLabels = labels && evenShape(labels, { name: "labels", dims: ["B", "P", "N"] });
  const ofBoxes = boxes && evenShape(boxes, { name: "boxes", dims: ["B", "P", 4] });
  if (ofLabels !== undefined && !sameShape(ofLabels, ofPoints!.slice(0, 3))) {
    throw new RangeError(
      `SAM wants a label of every point, got points of ${formatShape(ofPoints!)} and labels of ${
        formatShape(ofLabels)
      }`,
    );
  }
  if (ofPoints && ofBoxes && !sameShape(ofPoints.slice(0, 2), ofBoxes.slice(0, 2))) {
    throw new RangeError(
      `SAM wants as many boxes as lists of points, got points of ${formatShape(ofPoints)} and ` +
        `boxes of ${formatShape(ofBoxes)}`,
    );
  }
  const shape = ofPoints ?? ofBoxes;
  return shape && { images: shape[0], ofImage: shape[1] };
}

/**
 * The points of every object, those of one image after those of another, corners last; of lists that {@linkcode countObjects}
 * accepts.
 *
 * @throws {RangeError} if a label is none.
 */
export function promptPoints({ points, labels, boxes }: SamPrompts): PromptPoint[][] {
  return (points ?? boxes ?? []).flatMap((objects, b) =>
    Array.from({ length: objects.length }, (_, p) => [
      ...(points?.[b][p] ?? []).map((at, n) => ({ at, kind: kindOf(labels?.[b][p][n] ?? 1) })),
      ...(boxes === undefined ? [NO_POINT] : cornersOf(boxes[b][p])),
    ])
  );
}

function kindOf(label: number): PromptPoint["kind"] {
  if (label === 1 || label === 0) return label;
  if (label === -1) return "none";
  if (label === -10) return "ignored";
  throw new RangeError(
    `SAM wants labels 1 (of the object), 0 (not of it), -1 (no point) or -10 (ignored), got ${label}`,
  );
}

function cornersOf([left, top, right, bottom]: Box): PromptPoint[] {
  return [{ at: [left, top], kind: 2 }, { at: [right, bottom], kind: 3 }];
}

/** The lengths of nested lists of numbers. @throws {RangeError} if lists of one level differ in length, or a number is not finite */
function evenShape(
  value: unknown,
  { name, dims }: { readonly name: string; readonly dims: readonly (string | number)[] },
): number[] {
  const wrong = (got: string) => {
    const wanted = `SAM wants ${name} of [${dims.join(", ")}], the same numbers for every object`;
    return new RangeError(`${wanted}, got ${got}: fill points up with those of label -10`);
  };
  const shape: number[] = [];
  let level = [value];
  for (const dim of dims) {
    if (!level.every(Array.isArray)) throw wrong(`${shape.length} levels of lists`);
    const lengths = new Set(level.map(({ length }) => length));
    const [length] = lengths;
    if (lengths.size > 1) throw wrong(`lists of ${[...lengths].join(" and ")}`);
    if (length === 0 || (typeof dim === "number" && length !== dim)) {
      throw wrong(`${length} of ${dim}`);
    }
    shape.push(length);
    level = level.flat();
  }
  const odd = level.find((each) => !Number.isFinite(each));
  if (odd !== undefined) throw wrong(`${odd}`);
  return shape;
}

const NO_POINT: PromptPoint = { at: [0, 0], kind: "none" };
