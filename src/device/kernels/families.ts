// The families of kernels. A family's file exports its kernels by name, and types, and nothing else.

export * from "./adafactor_step.ts";
export * from "./adafactor_sums.ts";
export * from "./adamw.ts";
export * from "./attention.ts";
export * from "./cast.ts";
export * from "./cross_entropy.ts";
export * from "./dropout.ts";
export * from "./elementwise.ts";
export * from "./embedding.ts";
export * from "./fourier_features.ts";
export * from "./matmul.ts";
export * from "./norm.ts";
export * from "./permute.ts";
export * from "./pointwise.ts";
export * from "./rotary.ts";
export * from "./row_orders.ts";
export * from "./selection.ts";
export * from "./softmax.ts";
export * from "./sums.ts";
export * from "./windows.ts";
