// The version that runt tells.
export const VERSION = "0.1.0";
