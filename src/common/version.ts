// Wharf's version, told by every program. tools/version.test.ts sees to it that package.json says the same.
export const VERSION = "0.1.0";
